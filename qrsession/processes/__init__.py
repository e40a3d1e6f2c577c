"""Processes of this machine: a command as a child, who is still there, its terminal."""
