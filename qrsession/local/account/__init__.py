"""The account that is served: who it is, its plan, its usage, its tokens."""
