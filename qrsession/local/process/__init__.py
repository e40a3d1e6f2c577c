"""The runtime as a process: found, started, kept up, served and stopped."""
