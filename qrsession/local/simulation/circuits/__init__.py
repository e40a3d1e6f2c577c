"""Circuits made fit for a simulator, and as small as their outcomes allow."""
