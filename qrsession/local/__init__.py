"""The runtime on loopback: IBM's Qiskit Runtime REST API from SQLite and Qiskit Aer.

Importable alone (``python -m qrsession.local``). It knows the protocol, never the client.
"""
