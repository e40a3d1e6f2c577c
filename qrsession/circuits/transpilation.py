"""Circuits to a target, by Qiskit's own stages without its search for plug-ins.

Qiskit's preset pass managers load every transpiler plug-in that is installed, by entry point:
where IBM's client is installed that takes a second, for stages that are not used. So the built-in
stages are put together here, and the optimization stage, which searches by itself, is made of its
passes. Source: "Transpiler stages" in Qiskit's guides.
"""

from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import ForLoopOp
from qiskit.exceptions import QiskitError
from qiskit.passmanager import ConditionalController, DoWhileController
from qiskit.transpiler import (
    InstructionDurations,
    PassManager,
    PassManagerConfig,
    StagedPassManager,
    Target,
)
from qiskit.transpiler.passes import (
    CommutativeCancellation,
    ConsolidateBlocks,
    Depth,
    FixedPoint,
    GatesInBasis,
    InverseCancellation,
    MinimumPoint,
    Optimize1qGatesDecomposition,
    RemoveIdentityEquivalent,
    Size,
    UnitarySynthesis,
    UnrollForLoops,
    WrapAngles,
)
from qiskit.transpiler.preset_passmanagers import builtin_plugins as stages
from qiskit.transpiler.timing_constraints import TimingConstraints

from qrsession.circuits.delays import AlignDelays
from qrsession.circuits.misfits import too_wide
from qrsession.circuits.sources import Transpilation
from qrsession.errors import CircuitError

_CANCEL_COMMUTING_LEVEL = 2
_RESYNTHESIZE_LEVEL = 3
# Layers of gates of a loop and its rounds: beyond them it stays a loop.
_DEEPEST_UNROLLED = 10_000


def transpile(
    circuit: QuantumCircuit, target: Target, transpilation: Transpilation, name: str
) -> QuantumCircuit:
    """Rewrite a circuit in the instructions and on the qubits of a target.

    Raises:
        CircuitError: It is wider than the target, or there is no way to rewrite it.
    """
    if target.num_qubits is not None and circuit.num_qubits > target.num_qubits:
        raise too_wide(name, circuit.num_qubits, target.num_qubits)
    level = transpilation.optimization_level or 0
    manager = pass_manager(target, level, transpilation.seed)
    # At the end of a loop's body the router swaps each qubit back to where it was, by ways over
    # dozens of qubits that the circuit does not use: more errors than the gates themselves have.
    if level and _can_be_unrolled(circuit):
        manager.pre_layout = PassManager([UnrollForLoops(_DEEPEST_UNROLLED)])
    try:
        return manager.run(circuit)
    except QiskitError as error:
        missing = sorted(_control_flow(circuit) - set(target.operation_names))
        words = f"it has no {', '.join(missing)}" if missing else error.message
        raise CircuitError(
            f"{name}: the circuit cannot be transpiled to the backend: {words}",
            advice="Choose a backend with dynamic circuits." if missing else None,
            details={"path": name},
        ) from error


def _can_be_unrolled(circuit: QuantumCircuit) -> bool:
    """Tell whether a circuit has loops that are counted, and none that Qiskit cannot unroll."""
    loops = _loops(circuit)
    return bool(loops) and all(map(_is_plain, loops))


def _is_plain(loop: ForLoopOp) -> bool:
    numbers, _, body = loop.params
    # Variables of a body belong to its scope, which unrolling would leave; and Qiskit's pass fails
    # at a branch without an else.
    return (
        isinstance(numbers, range | tuple | list)
        and body.num_vars == 0
        and _control_flow(body) <= {"for_loop"}
    )


def _loops(circuit: QuantumCircuit) -> list[ForLoopOp]:
    found = []
    for instruction in circuit.data:
        if not instruction.is_control_flow():
            continue
        if isinstance(instruction.operation, ForLoopOp):
            found.append(instruction.operation)
        for block in instruction.operation.blocks:
            found += _loops(block)
    return found


def _control_flow(circuit: QuantumCircuit) -> set[str]:
    return {
        name
        for instruction in circuit.data
        if instruction.is_control_flow()
        for name in (
            instruction.name,
            *(inner for block in instruction.operation.blocks for inner in _control_flow(block)),
        )
    }


def pass_manager(target: Target, level: int, seed: int | None) -> StagedPassManager:
    """Compose the stages of an optimization level, 0 to 3, for a target."""
    config = PassManagerConfig(
        target=target,
        basis_gates=list(target.operation_names),
        coupling_map=target.build_coupling_map(),
        instruction_durations=_durations(target),
        timing_constraints=_timing_constraints(target),
        seed_transpiler=seed,
    )
    translation = stages.BasisTranslatorPassManager().pass_manager(config, level)
    is_all_to_all = config.coupling_map is None
    return StagedPassManager(
        init=stages.DefaultInitPassManager().pass_manager(config, level),
        layout=None
        if is_all_to_all
        else stages.DefaultLayoutPassManager().pass_manager(config, level),
        routing=None
        if is_all_to_all
        else stages.SabreSwapPassManager().pass_manager(config, level),
        translation=translation,
        optimization=_optimization(target, level, translation) if level else None,
        post_optimization=PassManager(
            [WrapAngles(target), Optimize1qGatesDecomposition(target=target)]
        )
        if level and target.has_angle_bounds()
        else None,
        pre_scheduling=None if target.dt is None else PassManager([AlignDelays(target)]),
        scheduling=stages.DefaultSchedulingPassManager().pass_manager(config, level),
    )


def _optimization(target: Target, level: int, translation: PassManager) -> PassManager:
    """Repeat the passes of a level until the circuit gets no better."""
    passes: list[Any] = []
    if level >= _RESYNTHESIZE_LEVEL:
        passes += [ConsolidateBlocks(target=target), UnitarySynthesis(target=target)]
    if level >= _CANCEL_COMMUTING_LEVEL:
        passes += [RemoveIdentityEquivalent(target=target), CommutativeCancellation(target=target)]
    passes += [InverseCancellation(), Optimize1qGatesDecomposition(target=target)]
    in_basis = [
        GatesInBasis(target=target),
        ConditionalController(
            translation.to_flow_controller(),
            condition=lambda properties: not properties["all_gates_in_basis"],
        ),
    ]
    measures: list[Any] = [Depth(recurse=True), Size(recurse=True)]
    if level >= _RESYNTHESIZE_LEVEL:
        # Synthesis may go back and forth between two forms for ever.
        measures.append(MinimumPoint(["depth", "size"], "optimization"))
        signs_of_the_end = ["optimization_minimum_point"]
    else:
        measures += [FixedPoint("depth"), FixedPoint("size")]
        signs_of_the_end = ["depth_fixed_point", "size_fixed_point"]

    def improves(properties: Any) -> bool:
        return not all(properties[sign] for sign in signs_of_the_end)

    optimization = PassManager(measures)
    optimization.append(DoWhileController([*passes, *in_basis, *measures], do_while=improves))
    return optimization


def _durations(target: Target) -> InstructionDurations | None:
    return None if target.dt is None else target.durations()


def _timing_constraints(target: Target) -> TimingConstraints:
    return target.timing_constraints()
