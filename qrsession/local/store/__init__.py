"""What must not be lost: one SQLite database, with one module of rows a noun."""
