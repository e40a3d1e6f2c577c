"""The noise of a device: what it is, how it gets into circuits, and how these are run."""
