"""Completing a command line: what each place of it takes.

What a place takes is read off the metavar that its help shows (SESSION, JOB, FILE), or off the
option's name where that says more. So a new command whose help uses the same words is completed
without a line here.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qrsession.cli import offers
from qrsession.cli.grammar import Command, Parameter, read_grammar
from qrsession.cli.offers import Files, Offer, Offers, fitting
from qrsession.cli.words import Line, read_line
from qrsession.settings import Settings

Completer = Callable[[Line, Settings], Offers]


@dataclass(frozen=True)
class Completion:
    """What may stand in the place of the word under the cursor.

    Attributes:
        words: Whole words, the likeliest first.
        files: Files that the shell is to offer besides; where the word is ``--option=`` and the
            beginning of a value, those that go after the ``=``.
        command_at: Where a program of the user's begins among the words, if it is one's arguments
            that are typed.
    """

    words: tuple[Offer, ...] = ()
    files: Files = Files.NONE
    command_at: int | None = None


def complete(words: Sequence[str], incomplete: str, settings: Settings) -> Completion:
    """Return what may stand in the place of a word that is being typed.

    Args:
        words: The words before it, without the program.
        incomplete: What is typed of it.
        settings: Where the names are that this machine knows.

    Raises:
        QrsessionError: The names cannot be read.
    """
    line = read_line(read_grammar(), words, incomplete)
    if line is None:
        return Completion()
    if line.wants_option:
        return Completion(tuple(fitting(_options(line), line.incomplete)))
    if line.wanted is None:
        return Completion(tuple(fitting(_commands(line.command), line.incomplete)))
    state_file = line.value("--state")
    if state_file:
        settings = replace(settings, state_file=Path(state_file).absolute())
    found = _offers(line, settings)
    if found.is_command:
        return Completion(command_at=len(words) if line.rest_at is None else line.rest_at)
    taken = line.values.get(line.wanted.name, ())
    fit = fitting(found.words, line.incomplete, taken)
    return Completion(
        tuple(Offer(line.prefix + offer.value, offer.about) for offer in fit), found.files
    )


def noun_of(parameter: Parameter) -> str:
    """Return the word by which a parameter's metavar says what it takes, "" where it has none."""
    word = re.match(r"\[?([A-Z0-9]+)", parameter.metavar)
    return word[1] if word else ""


def completer_of(verb: str, parameter: Parameter) -> Completer | None:
    """Return what completes a parameter of a verb, None where only the user knows its values."""
    if parameter.choices:
        return lambda _line, _settings: Offers.of(*parameter.choices)
    option = parameter.longest_name if parameter.is_option else ""
    by_name = BY_OPTION.get(option) if option else BY_VERB.get(verb)
    return by_name or BY_NOUN.get(noun_of(parameter))


def _offers(line: Line, settings: Settings) -> Offers:
    if line.wanted is None or not line.path:
        return Offers()
    completer = completer_of(line.path[0], line.wanted)
    return Offers() if completer is None else completer(line, settings)


def _options(line: Line) -> list[Offer]:
    """Return the options that may still be given, by their long names."""
    return [Offer(option.longest_name, option.help) for option in line.options()]


def _commands(group: Command) -> list[Offer]:
    """Return the commands of a group with their summaries."""
    return [Offer(name, part.summary) for name, part in group.parts.items()]


def _sessions(line: Line, settings: Settings) -> Offers:
    return offers.sessions(settings, line.incomplete)


def _jobs(line: Line, settings: Settings) -> Offers:
    session = line.value("--session") or settings.session
    return offers.jobs(settings, session, line.incomplete)


def _backends(line: Line, settings: Settings) -> Offers:
    account = "local" if "--local" in line.given else line.value("--account")
    return offers.backends(settings, account)


def _backends_or_snapshot(line: Line, settings: Settings) -> Offers:
    found = _backends(line, settings)
    if "words" in line.values:
        return found
    return Offers((*found.words, Offer("snapshot", "save one of them as a twin")))


def _accounts(_line: Line, settings: Settings) -> Offers:
    return offers.accounts(settings)


def _circuits(line: Line, _settings: Settings) -> Offers:
    return offers.circuits(line.incomplete)


def _files(_line: Line, _settings: Settings) -> Offers:
    return Offers(files=Files.ANY)


def _folders(_line: Line, _settings: Settings) -> Offers:
    return Offers(files=Files.FOLDERS)


def _program(_line: Line, _settings: Settings) -> Offers:
    return Offers(is_command=True)


def _modes(_line: Line, _settings: Settings) -> Offers:
    from qrsession.money.modes import OpenMode  # noqa: PLC0415 - few lines name a mode

    return Offers.of(*OpenMode)


def _forms(_line: Line, _settings: Settings) -> Offers:
    from qrsession.cli.outcomes import Form  # noqa: PLC0415 - few lines name a form

    return Offers.of(*Form)


def _plans(_line: Line, _settings: Settings) -> Offers:
    from qrsession.local.account.plans import PlanName  # noqa: PLC0415 - few lines name a plan

    return Offers.of(*PlanName)


def _levels(_line: Line, _settings: Settings) -> Offers:
    return Offers.of("0", "1", "2", "3")


def _job_options(line: Line, _settings: Settings) -> Offers:
    return offers.settings_of_jobs(line.value("--primitive") or "sampler")


def _parameters(line: Line, _settings: Settings) -> Offers:
    from qrsession.cli.circuit_offers import parameters  # noqa: PLC0415 - few lines have a value

    return parameters(line.values.get("circuits", ()), line.values.get("--param", ()))


def _observables(line: Line, _settings: Settings) -> Offers:
    from qrsession.cli.circuit_offers import files_after_at  # noqa: PLC0415 - as above

    return files_after_at(line.incomplete)


def _pages(_line: Line, _settings: Settings) -> Offers:
    from qrsession.cli.topics import TOPICS  # noqa: PLC0415 - few lines name a page

    topics = (Offer(name, topic.summary) for name, topic in TOPICS.items())
    return Offers((*_commands(read_grammar()), *topics))


def _help(line: Line, _settings: Settings) -> Offers:
    group = read_grammar()
    for word in line.values.get("words", ()):
        group = group.parts.get(word, Command(""))
    return Offers(tuple(_commands(group)))


BY_OPTION: dict[str, Completer] = {
    "--backend": _backends,
    "--account": _accounts,
    "--mode": _modes,
    "--format": _forms,
    "--plan": _plans,
    "--optimization-level": _levels,
    "--set": _job_options,
    "--param": _parameters,
    "--observable": _observables,
}
# Of verbs whose argument is a plain NAME, or more than a noun says.
BY_VERB: dict[str, Completer] = {
    "account": _accounts,
    "backends": _backends_or_snapshot,
    "man": _pages,
    "help": _help,
}
BY_NOUN: dict[str, Completer] = {
    "SESSION": _sessions,
    "JOB": _jobs,
    "CIRCUIT": _circuits,
    "FILE": _files,
    "DIR": _folders,
    "CMD": _program,
}
