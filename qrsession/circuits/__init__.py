"""From circuit files to what goes over the wire: read, checked, fitted to a device, cached."""
