"""Accounts, instances and plans: which one counts, what a key may do, the way to a client."""
