"""What is served: the route table, what stands before it, and one module of handlers a noun."""
