"""Where jobs run: lanes on this machine, and their processes as the runtime sees them."""
