"""What the manual tells beside the commands: exit codes, and the environment."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from qrsession.errors import QrsessionError
from qrsession.render.manual import Definitions, Paragraph, Section, literal

# What scripts may rely on: the codes of the tree of errors, and those that are no error of ours.
EXIT_CODES: Mapping[int, str] = {
    0: "Done.",
    1: "A fault of qrsession itself, or of a disk.",
    2: "Usage: a bad option, file, circuit or value.",
    3: "Not authorised: no account, a bad key, or not allowed by the plan.",
    4: "Not found: a session (also where none is named and none is open), job, backend, instance "
    "or account.",
    5: "The session is closed, or takes no jobs.",
    6: "The job failed.",
    7: "The job was cancelled.",
    8: "Not finished yet.",
    9: "A limit was reached: of a budget, of usage, or of requests.",
    10: "The service cannot be reached or is down, the backend is offline, or what became of a "
    "submission is not known.",
    11: "The job ran, and an expectation did not hold.",
    124: "--timeout ran out.",
    130: "Interrupted (SIGINT).",
    141: "Whoever read stdout has gone.",
    143: "Terminated (SIGTERM).",
}
# Of `qrsession exec`, which otherwise ends with the code of the command that it ran.
EXEC_CODES: Mapping[str, str] = {
    "125": "No session could be opened.",
    "126": "The command cannot be executed.",
    "127": "The command cannot be found.",
    "128+n": "Signal n ended the command.",
}

# What every variable does that is read or written here.
OWN_VARIABLES: Mapping[str, str] = {
    "QRSESSION_SESSION": "The session that commands use: a name, an id, or the beginning of one. "
    "Set by `qrsession exec` for its command, and by the lines of `qrsession env`.",
    "QRSESSION_ACCOUNT": "The account, where no session says which.",
    "QRSESSION_STATE": "The ledger of open sessions, a TOML file.",
    "QRSESSION_HOME": "One folder for state, data and cache; without it they are where the system "
    "keeps a user's.",
    "QRSESSION_LOG": "A file to which commands append their log: time (UTC), process, level, topic "
    "and text, tracebacks too, no secrets. It is made with mode 0600, and several processes may "
    "share it; a link is refused.",
}
OTHER_VARIABLES: Mapping[str, str] = {
    "QISKIT_IBM_TOKEN": "The key of an account that is not saved, as for qiskit-ibm-runtime.",
    "QISKIT_IBM_CHANNEL": "The channel of that account.",
    "QISKIT_IBM_INSTANCE": "The instance of that account.",
    "QISKIT_IBM_URL": "The service of that account.",
    "IAM_URL": "Where tokens are issued, for services elsewhere than IBM's cloud and for "
    "QISKIT_IBM_TOKEN.",
    "CI": "Set on a CI machine: there is no fall-back to the local runtime, and an instance that "
    "may cost must be named.",
    "SLURM_JOB_ID": "Set in a job of Slurm: an instance that may cost must be named.",
    "SLURM_JOB_END_TIME": "When that job ends, for `--max-time slurm`; else squeue is asked.",
    "SLURM_ARRAY_JOB_ID": "With SLURM_ARRAY_TASK_ID, how squeue is asked for a task of an array.",
    "PBS_JOBID": "As SLURM_JOB_ID, of PBS.",
    "LSB_JOBID": "As SLURM_JOB_ID, of LSF.",
    "GITHUB_ACTIONS": "Set on a machine of GitHub: `env --format github` has it mask keys.",
    "NO_COLOR": "Set to anything: no colours.",
    "COLUMNS": "The width of the terminal, where it is not the terminal's own.",
    "HTTPS_PROXY": "The proxy for requests to services, and NO_PROXY the hosts without one.",
}


@dataclass(frozen=True)
class Topic:
    """A page that is about no command."""

    summary: str
    sections: Callable[[], tuple[Section, ...]]


def errors_by_exit_code() -> dict[int, dict[str, str]]:
    """Return, for each exit code, the codes of errors in the envelope and when each occurs."""
    found: dict[int, dict[str, str]] = {}
    for error in _below(QrsessionError):
        found.setdefault(error.exit_code, {}).setdefault(error.code, _about(error))
    return found


def _about(error: type[QrsessionError]) -> str:
    paragraph = " ".join(inspect.cleandoc(error.__doc__ or "").partition("\n\n")[0].split())
    sentences = re.split(r"(?<=\.) ", paragraph)
    # Those that name a class are for programs that use the library.
    told = [sentence for sentence in sentences if "Error`" not in sentence]
    return " ".join(told).replace("`", "")


def _below(error: type[QrsessionError]) -> Iterator[type[QrsessionError]]:
    for child in error.__subclasses__():
        # Rooms derive their own from these, which are told apart by no code.
        if child.__module__ == QrsessionError.__module__:
            yield child
            yield from _below(child)


def _exit_codes() -> tuple[Section, ...]:
    by_code = errors_by_exit_code()
    codes = tuple((literal(str(code)), about) for code, about in EXIT_CODES.items())
    kinds = tuple(
        (literal(kind), f"Exit code {code}. {about}")
        for code in sorted(by_code)
        for kind, about in by_code[code].items()
    )
    return (
        Section(
            "DESCRIPTION",
            (
                Paragraph(
                    "Every command ends with one of these codes. A time-out, a failure and a "
                    "cancellation are never the same code, and no failure is 0."
                ),
                Definitions(codes),
            ),
        ),
        Section(
            "EXEC",
            (
                Paragraph("qrsession exec ends with the code of the command that it ran, or with:"),
                Definitions(tuple((literal(code), what) for code, what in EXEC_CODES.items())),
            ),
        ),
        Section(
            "ERRORS",
            (
                Paragraph("With --json, error.code in what is printed says more:"),
                Definitions(kinds),
            ),
        ),
    )


def _environment() -> tuple[Section, ...]:
    def rows(table: Mapping[str, str]) -> Definitions:
        return Definitions(tuple((literal(name), about) for name, about in table.items()))

    return (
        Section(
            "DESCRIPTION",
            (
                Paragraph(
                    "Options count more than variables, and variables more than what is saved. A "
                    "variable that is empty counts as not set."
                ),
                rows(OWN_VARIABLES),
            ),
        ),
        Section("VARIABLES OF OTHERS", (rows(OTHER_VARIABLES),)),
    )


TOPICS: Mapping[str, Topic] = {
    "exit-codes": Topic("What the exit codes of qrsession mean.", _exit_codes),
    "environment": Topic("Variables that qrsession reads.", _environment),
}
