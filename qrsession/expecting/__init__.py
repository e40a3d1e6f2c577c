"""What is expected of results, with its errors, and what it is held against."""
