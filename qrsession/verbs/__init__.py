"""What the verbs of the command line do, without what they print."""
