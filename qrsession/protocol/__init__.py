"""What goes over the wire between a client and the runtime. Standard library only, no I/O.

Facts are those of IBM's Qiskit Runtime REST API, version 2026-04-15:
https://quantum.cloud.ibm.com/docs/api/qiskit-runtime-rest
"""
