"""Bare circuits on a backend, for programs that know ``backend.run`` and no primitives."""
