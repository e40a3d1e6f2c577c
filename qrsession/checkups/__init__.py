"""What `doctor` looks at: a file for each group of checks, each check a function of its own.

They look, and change nothing but the mode of an account file that others can read, as every
command does: nothing is opened, submitted, settled or started, unless the local runtime is asked
for by name. No check keeps the others from being made.
"""
