"""How much is worked out, and what is said of a circuit that takes more."""

from qrsession.errors import CircuitError

# A state vector of so many qubits has 256 MiB, and is needed a few times over.
MOST_QUBITS = 24
MOST_AMPLITUDES = 2**MOST_QUBITS
# Outcomes with a probability of their own; counts of more could not be told from noise.
MOST_OUTCOMES = 2**20
# States that a circuit is in at once, one for each course of its measurements.
MOST_BRANCHES = 4096
# Operations when gates, loops and branches are written out.
MOST_STEPS = 200_000
# Amplitudes that are changed, by all gates together: some minutes.
MOST_WORK = 2**35
# Probabilities below it are rounding errors, of which the largest circuits add up 1e-9.
NEGLIGIBLE = 1e-15


def refuse(why: str) -> CircuitError:
    """Return the error for a circuit whose distribution is not worked out."""
    return CircuitError(
        f"The ideal distribution is not known: {why}.",
        advice="Give the distribution to compare with: --reference FILE.",
    )
