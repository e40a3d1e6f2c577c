"""What the user sees: the only writer of stdout, and the talk on stderr."""
