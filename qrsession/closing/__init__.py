"""Closing sessions: by name, behind a command, behind a process that ends, when forgotten."""
