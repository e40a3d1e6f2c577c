"""Results of jobs as plain numbers, and what is kept of them."""
