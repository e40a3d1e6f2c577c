"""Sessions and the queue: what happens to jobs, which runs next, and when time is up."""
