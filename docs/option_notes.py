"""What each option does, and what holds where it is not set: words for the page about options.

Names, types and bounds come from the tables in the code. A test holds names and defaults of these
words against them, and against the schemas of the service.
"""

from collections.abc import Mapping

# By the option's path: its default, and what it does.
NOTES: Mapping[str, tuple[object, str]] = {
    "optimization_level": (
        None,
        (
            "Transpile each circuit once for the session, at this level. Unset: send circuits as "
            "they are."
        ),
    ),
    "resilience_level": (
        1,
        (
            "How much is done about errors: nothing; mitigation of measurements (TREX); zero-noise "
            "extrapolation and twirled gates too."
        ),
    ),
    "seed_transpiler": (None, "The seed of the transpiler's random choices."),
    "max_execution_time": (None, "The longest a job may take on the backend, in seconds."),
    "environment.job_tags": (None, "Up to seven words of at most 86 characters to find jobs by."),
    "environment.private": (
        False,
        "Whether the service shows inputs to nobody, and results once.",
    ),
    "environment.log_level": ("WARNING", "How much a job logs."),
    "default_shots": (
        4096,
        (
            "The shots of pubs and runs that name none. For the estimator there is no default, and "
            "what is set goes before `default_precision`."
        ),
    ),
    "default_precision": (
        0.015625,
        "The standard error aimed at where a pub or a run names none.",
    ),
    "seed_estimator": (None, "The seed of what is random in estimating."),
    "dynamical_decoupling.enable": (
        False,
        "Whether idle qubits are kept from drifting by sequences of gates.",
    ),
    "dynamical_decoupling.sequence_type": ("XX", "Which sequence."),
    "dynamical_decoupling.extra_slack_distribution": (
        "middle",
        "Where time goes that cannot be shared out evenly.",
    ),
    "dynamical_decoupling.scheduling_method": ("alap", "As late as possible, or as soon."),
    "dynamical_decoupling.skip_reset_qubits": (
        False,
        "Whether a qubit that is still in state 0 is left alone.",
    ),
    "execution.init_qubits": (True, "Whether qubits are reset before each shot."),
    "execution.rep_delay": (None, "Seconds between shots. Unset: the backend's own."),
    "execution.meas_type": (
        "classified",
        "Whether results are bits, or the signals that they are made of.",
    ),
    "twirling.enable_gates": (
        False,
        (
            "Whether two-qubit gates are randomized, which turns their noise into simpler noise. "
            "The estimator does so at resilience level 2."
        ),
    ),
    "twirling.enable_measure": (
        False,
        "Whether measurements are randomized. The estimator does so from resilience level 1 on.",
    ),
    "twirling.num_randomizations": ("auto", "In how many forms a circuit runs."),
    "twirling.shots_per_randomization": ("auto", "How often each runs."),
    "twirling.strategy": (
        "active-accum",
        (
            "Which qubits are randomized around a layer of gates: those of its gates; of all gates "
            "up to it; of all gates of the circuit; all."
        ),
    ),
    "simulator.noise_model": (
        None,
        (
            "A noise model of Aer. The local runtime refuses it, since its twins have their "
            'devices\' noise: `backend="ibm_fez"`.'
        ),
    ),
    "simulator.seed_simulator": (None, "The seed of the simulation. Local runtime only."),
    "simulator.coupling_map": (None, "Taken as by qiskit-ibm-runtime; changes nothing."),
    "simulator.basis_gates": (None, "Taken as by qiskit-ibm-runtime; changes nothing."),
    "resilience.measure_mitigation": (
        None,
        "Whether errors of measurements are mitigated. Unset: from resilience level 1 on.",
    ),
    "resilience.measure_noise_learning.num_randomizations": (
        32,
        "In how many forms the circuit runs from which those errors are learned.",
    ),
    "resilience.measure_noise_learning.shots_per_randomization": (
        "auto",
        "How often each runs.",
    ),
    "resilience.zne_mitigation": (
        None,
        "Whether noise is extrapolated to zero. Unset: at resilience level 2.",
    ),
    "resilience.zne.amplifier": ("gate_folding", "How noise is amplified."),
    "resilience.zne.noise_factors": (
        [1, 3, 5],
        "How much it is amplified. With the amplifier `pea` the default is 1, 1.5, 2.",
    ),
    "resilience.zne.extrapolator": (
        ["exponential", "linear"],
        "The models, the one that is preferred first.",
    ),
    "resilience.zne.extrapolated_noise_factors": (
        "auto",
        "At which noise factors each model is evaluated.",
    ),
    "resilience.pec_mitigation": (
        False,
        "Whether errors of gates are cancelled by probability. Not together with `zne_mitigation`.",
    ),
    "resilience.pec.max_overhead": (100.0, "The most shots, as a multiple; null: no bound."),
    "resilience.pec.noise_gain": ("auto", "How much noise stays: 0 none, 1 all."),
    "resilience.layer_noise_learning.max_layers_to_learn": (
        4,
        "Of how many layers of gates the noise is learned; null: of all.",
    ),
    "resilience.layer_noise_learning.shots_per_randomization": (128, "How often each form runs."),
    "resilience.layer_noise_learning.num_randomizations": (
        32,
        "In how many forms a layer runs.",
    ),
    "resilience.layer_noise_learning.layer_pair_depths": (
        [0, 1, 2, 4, 16, 32],
        "How many pairs of a layer and its reverse follow each other.",
    ),
    "resilience.layer_noise_model": (None, "A model that was learned before."),
    "experimental": (
        None,
        "Options that this version does not know, passed on; and `image`, a runtime's image.",
    ),
}
