"""Waiting for one job or for many, whatever becomes of the network, and what is told meanwhile."""
