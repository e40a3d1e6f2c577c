"""The command line. One file per verb, loaded when its verb is called."""
