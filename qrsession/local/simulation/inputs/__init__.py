"""What users send, read and held against bounds, devices and each other."""
