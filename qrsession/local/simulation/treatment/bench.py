"""Circuits run as the options ask: twirled, folded and decoupled on the way into the simulator.

What is done costs runs, so it is done where there is noise to treat: on a noisy twin. Elsewhere a
circuit runs once, as it is, with the same shots.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qrsession.local.simulation.outcomes import Outcomes, Wanted, derive_seed
from qrsession.local.simulation.simulator import Simulator
from qrsession.local.simulation.treatment.decoupling import decoupled
from qrsession.local.simulation.treatment.folding import folded
from qrsession.local.simulation.treatment.natives import Natives
from qrsession.local.simulation.treatment.twirling import twirled
from qrsession.local.simulation.twin import Twin
from qrsession.protocol.treatment import UNTREATED, Treatment


@dataclass(slots=True)
class _Form:
    """A form in which a circuit runs, for one randomization or several that drew the same."""

    circuit: QuantumCircuit
    flips: NDArray[np.bool_]
    randomizations: list[int] = field(default_factory=list)


class Bench:
    """What a job's circuits run on.

    Attributes:
        simulator: What runs them.
        twin: The device, None where there is none.
        treatment: What is done about noise; nothing where there is none.
        natives: Gates of the device; None where circuits are not for a device.
    """

    def __init__(self, simulator: Simulator, twin: Twin | None, treatment: Treatment) -> None:
        self.simulator = simulator
        self.twin = twin
        self.treatment = treatment if twin is not None and twin.is_noisy else UNTREATED
        self.natives = None if twin is None else Natives.of(twin.rules)

    def run(
        self,
        circuit: QuantumCircuit,
        values: NDArray[np.float64],
        shots: int,
        seed: int,
        factor: float = 1.0,
    ) -> Iterator[list[Outcomes]]:
        """Run a circuit for each row of parameter values.

        All points of a sweep run in the same random forms.

        Args:
            circuit: What `prepared` returned, on the device's qubits.
            values: As for `Simulator.run`.
            shots: The shots of each point. Where they are not shared out evenly among the
                randomizations, there are a few more.
            seed: What the randomness of all points comes from.
            factor: How much noise there shall be, at least 1.

        Yields:
            For each point, the outcomes of each randomization, as they are without twirling.
        """
        number, each = self.treatment.split(shots)
        rng = np.random.default_rng(derive_seed(seed, "forms"))
        forms = list(self._forms(circuit, number, factor, rng))
        wanted = [
            Wanted(
                form.circuit,
                values,
                each * len(form.randomizations),
                derive_seed(seed, "form", index) if index else seed,
            )
            for index, form in enumerate(forms)
        ]
        runs = self.simulator.run_all(wanted, self.twin)
        for point in zip(*runs, strict=True):
            parts: dict[int, Outcomes] = {}
            for form, outcomes in zip(forms, point, strict=True):
                right = outcomes
                if form.flips.any():
                    right = Outcomes(outcomes.bits ^ form.flips, outcomes.counts)
                shares = split_shots(right, len(form.randomizations), rng)
                parts.update(zip(form.randomizations, shares, strict=True))
            yield [parts[randomization] for randomization in range(number)]

    def _forms(
        self, circuit: QuantumCircuit, number: int, factor: float, rng: np.random.Generator
    ) -> Iterator[_Form]:
        """Yield the distinct forms that are drawn."""
        if self.natives is None or self.treatment == UNTREATED:
            yield _Form(circuit, np.zeros(circuit.num_clbits, dtype=bool), [*range(number)])
            return
        forms: dict[tuple[int, ...], _Form] = {}
        amplifier = None if self.treatment.zne is None else self.treatment.zne.amplifier
        is_drawn_anew = factor > 1 and amplifier is not None
        for randomization in range(number):
            base = circuit
            if amplifier is not None:
                base = folded(circuit, factor, amplifier, rng)
            drawn = twirled(base, self.treatment.twirling, self.natives, rng)
            key = (randomization,) if is_drawn_anew else drawn.choices
            if key not in forms:
                forms[key] = _Form(self._filled(drawn.circuit), drawn.flips)
            forms[key].randomizations.append(randomization)
        yield from forms.values()

    def _filled(self, circuit: QuantumCircuit) -> QuantumCircuit:
        decoupling = self.treatment.decoupling
        if decoupling is None or self.twin is None or self.natives is None:
            return circuit
        return decoupled(circuit, decoupling, self.twin.calibration, self.natives)


def split_shots(outcomes: Outcomes, number: int, rng: np.random.Generator) -> list[Outcomes]:
    """Deal shots out at random, the same number to each; what is over is left out."""
    if number == 1:
        return [outcomes]
    rest = outcomes.counts.copy()
    each = int(rest.sum()) // number
    shares = []
    for _ in range(number):
        taken = rng.multivariate_hypergeometric(rest, each, method="marginals")
        rest -= taken
        is_there = taken > 0
        shares.append(Outcomes(outcomes.bits[is_there], taken[is_there]))
    return shares
