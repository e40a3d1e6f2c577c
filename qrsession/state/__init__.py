"""What is kept on disk: open sessions, jobs, results, the history, and what is not settled yet."""
