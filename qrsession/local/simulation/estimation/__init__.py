"""Expectation values, from the outcomes of circuits."""
