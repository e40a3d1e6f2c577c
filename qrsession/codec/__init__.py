"""The typed JSON of IBM's Runtime API that is Qiskit: circuits, observables, arrays and results.

``encode`` turns Qiskit's objects into what ``json.dumps`` takes, ``decode`` turns parsed JSON back.
An object travels as ``{"__type__": name, "__value__": value}``; which names there are is a closed
table. Source: ``RuntimeEncoder`` and ``RuntimeDecoder`` of qiskit-ibm-runtime 0.51.
"""

from qrsession.codec.decoding import decode
from qrsession.codec.encoding import encode
from qrsession.codec.qpy import circuits_from_qpy, circuits_to_qpy
from qrsession.codec.tensors import decode_program_result

__all__ = ["circuits_from_qpy", "circuits_to_qpy", "decode", "decode_program_result", "encode"]
