"""Which circuits the options of a job go with.

Source: "feature compatibility" in the guide "Introduction to options".
"""

from qiskit import QuantumCircuit

from qrsession.local.simulation.circuits.guarding import is_dynamic
from qrsession.local.simulation.failures import not_valid
from qrsession.local.simulation.twin import Twin
from qrsession.protocol.treatment import Treatment

_FRACTIONAL = frozenset({"rx", "rzz"})


def check_compatible(
    circuit: QuantumCircuit, asked: Treatment, twin: Twin | None, index: int
) -> None:
    """Refuse what the service does not do to a circuit.

    A simulator takes any gate, so what devices' gates forbid is allowed there.

    Args:
        circuit: The circuit as it was sent.
        asked: What the options ask for.
        twin: The device, None where there is none.
        index: The position of the pub, for the reason.

    Raises:
        JobFailedError: It branches or loops, or has fractional gates, and an option excludes that.
    """
    if is_dynamic(circuit):
        _refuse(index, "branches or loops", _not_with_dynamic(asked, twin))
    elif twin is not None and not _FRACTIONAL.isdisjoint(circuit.count_ops()):
        _refuse(index, "has fractional gates", _not_with_fractional(asked))


def _refuse(index: int, what: str, option: str | None) -> None:
    if option is not None:
        raise not_valid(
            f"Pub {index}: the circuit {what}, and options.{option} is on; they do not go "
            "together.",
            f"Turn {option} off, or use another circuit.",
        )


def _not_with_dynamic(asked: Treatment, twin: Twin | None) -> str | None:
    if asked.decoupling is not None:
        return "dynamical_decoupling.enable"
    if twin is not None and asked.pec:
        return "resilience.pec_mitigation"
    return "resilience.zne_mitigation" if twin is not None and asked.zne is not None else None


def _not_with_fractional(asked: Treatment) -> str | None:
    if asked.pec:
        return "resilience.pec_mitigation"
    return "twirling.enable_gates" if asked.twirling.gates else None
