"""Speaks the protocol to anyone: IBM's service or the local runtime, and cannot tell which."""
