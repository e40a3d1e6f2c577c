"""What may stand in a place of the command line: names that this machine knows.

Nothing here asks a service, and nothing waits: a person has pressed a key.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from qrsession.errors import QrsessionError
from qrsession.names import LAST_JOB
from qrsession.settings import LOCAL_ACCOUNT, Settings

if TYPE_CHECKING:
    from qrsession.state.entries import JobEntry, SessionEntry

# More than anybody reads; a folder of records may hold thousands.
_MOST_JOBS = 100


class Files(StrEnum):
    """Which files the shell is to offer, by its own means."""

    NONE = "none"
    ANY = "files"
    FOLDERS = "folders"


@dataclass(frozen=True)
class Offer:
    """A word that may stand there, and what is said of it."""

    value: str
    about: str = ""


@dataclass(frozen=True)
class Offers:
    """All that may stand in a place.

    Attributes:
        words: Words, the likeliest first.
        files: Files besides.
        is_command: Whether it is a program and its arguments, which the shell knows best.
    """

    words: tuple[Offer, ...] = ()
    files: Files = Files.NONE
    is_command: bool = False

    @classmethod
    def of(cls, *values: str) -> "Offers":
        """Return words of which there is nothing to say."""
        return cls(tuple(map(Offer, values)))


def sessions(settings: Settings, incomplete: str) -> Offers:
    """Offer open sessions by name, the last opened first; by id where no name begins so."""
    from qrsession.state.ledger import Ledger  # noqa: PLC0415 - few lines name a session

    view = Ledger(settings, warn=_ignore).read()
    entries = [*view.sessions.values()][::-1]
    named = [
        Offer(entry.name, _about(entry, is_current=entry.name == view.current))
        for entry in entries
        if entry.name.startswith(incomplete)
    ]
    by_id = [Offer(entry.session_id, f"{entry.name}, {_about(entry)}") for entry in entries]
    return Offers(tuple(named or by_id))


def jobs(settings: Settings, session: str | None, incomplete: str) -> Offers:
    """Offer jobs, the last submitted first: those of a session if it is named, else of all."""
    from qrsession.state.records import Records  # noqa: PLC0415 - few lines name a job

    records = Records(settings.state_dir)
    if session:
        from qrsession.state.ledger import Ledger  # noqa: PLC0415 - as above

        entry = Ledger(settings, warn=_ignore).read().find(session)
        found = records.jobs(entry.session_id)[::-1]
    else:
        found = records.newest_jobs(_MOST_JOBS, lambda job: job.job_id.startswith(incomplete))
    ids = (Offer(job.job_id, _about_job(job)) for job in found[:_MOST_JOBS])
    return Offers((*ids, Offer(LAST_JOB, "the last job of the session")))


def backends(settings: Settings, account: str | None) -> Offers:
    """Offer the backends that this machine has met: simulators, twins, and those of sessions."""
    from qrsession.state.ledger import Ledger  # noqa: PLC0415 - few lines name a backend

    found: dict[str, str] = {}
    if account in {None, LOCAL_ACCOUNT}:
        found.update(_local_backends(settings))
    # The simulators are there whatever has become of the ledger.
    with suppress(QrsessionError):
        for entry in Ledger(settings, warn=_ignore).read().sessions.values():
            if entry.backend and account in {None, entry.account}:
                found[entry.backend] = f"of the session {entry.name}"
    return Offers(tuple(Offer(name, about) for name, about in found.items()))


def accounts(settings: Settings) -> Offers:
    """Offer the accounts that are saved, and the built-in one."""
    from qrsession.accounts.file import AccountFile  # noqa: PLC0415 - few lines name an account

    built_in = Offer(LOCAL_ACCOUNT, "the local runtime")
    names = AccountFile(settings.accounts_file, warn=_ignore).names()
    return Offers((*(Offer(name, "saved") for name in names if name != LOCAL_ACCOUNT), built_in))


def circuits(incomplete: str) -> Offers:
    """Offer circuit files, and the bundled circuits."""
    from qrsession.circuits.sources import (  # noqa: PLC0415 - one line in many runs something
        EXAMPLE_PREFIX,
        list_examples,
    )

    if incomplete and not incomplete.startswith(EXAMPLE_PREFIX):
        return Offers(files=Files.ANY)
    examples = (Offer(EXAMPLE_PREFIX + name, "a bundled circuit") for name in list_examples())
    return Offers(tuple(examples), Files.NONE if incomplete else Files.ANY)


def settings_of_jobs(primitive: str) -> Offers:
    """Offer the options of a primitive, with their values where those are words."""
    from qrsession.protocol.options import AUTO  # noqa: PLC0415 - few lines set an option
    from qrsession.verbs.option_trees import paths_of, table_of  # noqa: PLC0415 - as above

    found: list[Offer] = []
    for path, allowed in paths_of(table_of(primitive)):
        if allowed.many or allowed.kind not in {bool, str}:
            found.append(Offer(f"{path}=", allowed.expected()))
        else:
            # Whole, for a shell puts a space after a word, and no value would follow that.
            words = allowed.choices or (("true", "false") if allowed.kind is bool else ("",))
            found += [Offer(f"{path}={word}") for word in words]
        if allowed.auto:
            found.append(Offer(f"{path}={AUTO}"))
    return Offers(tuple(found))


def fitting(offers: Iterable[Offer], incomplete: str, taken: Sequence[str] = ()) -> list[Offer]:
    """Return what begins as typed, can be shown as it is, and was not given before."""
    return [
        offer
        for offer in offers
        if offer.value.startswith(incomplete)
        and offer.value.isprintable()
        and offer.value not in taken
    ]


def _local_backends(settings: Settings) -> Iterator[tuple[str, str]]:
    from qrsession.local.devices.met import (  # noqa: PLC0415 - few lines name a backend
        simulator_names,
        twin_names,
    )

    for name in simulator_names():
        yield name, "a simulator of the local runtime"
    for name in twin_names(settings.data_dir):
        yield name, "a twin of the local runtime"


def _about(entry: "SessionEntry", *, is_current: bool = False) -> str:
    words = (entry.backend, entry.state, "current" if is_current else None)
    return ", ".join(word for word in words if word)


def _about_job(job: "JobEntry") -> str:
    words = (job.status or "submitted", " ".join(job.files), job.backend)
    return ", ".join(word for word in words if word)


def _ignore(_sentence: str) -> None:
    """Say nothing: a person is typing."""
