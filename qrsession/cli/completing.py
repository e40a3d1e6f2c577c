"""Completing a command line: what each place of it takes.

What a place takes is read off the metavar that its help shows (SESSION, JOB, FILE), or off the
option's name where that says more. So a new command whose help uses the same words is completed
without a line here.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qrsession.cli import offers
from qrsession.cli.offers import Files, Offer, Offers, fitting
from qrsession.cli.words import Line, is_group, longest_name, read_line
from qrsession.settings import Settings

Completer = Callable[[Line, Settings], Offers]


@dataclass(frozen=True, slots=True)
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


def complete(root: Any, words: Sequence[str], incomplete: str, settings: Settings) -> Completion:
    """Return what may stand in the place of a word that is being typed.

    Args:
        root: The command line as a whole.
        words: The words before it, without the program.
        incomplete: What is typed of it.
        settings: Where the names are that this machine knows.

    Raises:
        QrsessionError: The names cannot be read.
    """
    line = read_line(root, words, incomplete)
    if line is None:
        return Completion()
    if line.wants_option:
        return Completion(tuple(fitting(_options(line), line.incomplete)))
    if line.wanted is None:
        if is_group(line.command) and not line.is_beyond:
            return Completion(tuple(fitting(_commands(line.command), line.incomplete)))
        return Completion()
    state_file = line.value("--state")
    if state_file:
        settings = replace(settings, state_file=Path(state_file).absolute())
    found = _offers(line, settings)
    if found.is_command:
        return Completion(command_at=len(words) if line.rest_at is None else line.rest_at)
    taken = line.values.get(getattr(line.wanted, "name", ""), ())
    fit = fitting(found.words, line.incomplete, taken)
    return Completion(
        tuple(Offer(line.prefix + offer.value, offer.about) for offer in fit), found.files
    )


def noun_of(parameter: Any) -> str:
    """Return the word by which a parameter's metavar says what it takes, "" where it has none."""
    word = re.match(r"\[?([A-Z0-9]+)", parameter.metavar or "")
    return word[1] if word else ""


def completer_of(verb: str, parameter: Any) -> Completer | None:
    """Return what completes a parameter of a verb, None where only the user knows its values."""
    if parameter.param_type_name == "option":
        by_name = BY_OPTION.get(longest_name(parameter))
    else:
        by_name = BY_VERB.get(verb)
    return by_name or BY_NOUN.get(noun_of(parameter))


def _offers(line: Line, settings: Settings) -> Offers:
    choices = getattr(line.wanted.type, "choices", None)
    if choices:
        return Offers.of(*(str(getattr(choice, "value", choice)) for choice in choices))
    completer = completer_of(line.path[0], line.wanted)
    return Offers() if completer is None else completer(line, settings)


def _options(line: Line) -> list[Offer]:
    """Return the options that may still be given, by their long names."""
    found = []
    for option in line.options():
        about = (option.help or "").partition("\n")[0]
        long_names = [name for name in option.opts if name.startswith("--")]
        found += [Offer(name, about) for name in long_names or option.opts]
    return found


def _commands(group: Any) -> list[Offer]:
    """Return the commands of a group with their summaries; none of them is loaded for it."""
    summaries = group.summaries() if hasattr(group, "summaries") else _helps(group)
    return [Offer(name, about) for name, about in summaries.items()]


def _helps(group: Any) -> dict[str, str]:
    return {name: part.get_short_help_str(limit=100) for name, part in group.commands.items()}


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
    from qrsession.modes import OpenMode  # noqa: PLC0415 - few lines name a mode

    return Offers.of(*OpenMode)


def _forms(_line: Line, _settings: Settings) -> Offers:
    from qrsession.cli.outcomes import Form  # noqa: PLC0415 - few lines name a form

    return Offers.of(*Form)


def _plans(_line: Line, _settings: Settings) -> Offers:
    from qrsession.local.account.plans import PlanName  # noqa: PLC0415 - few lines name a plan

    return Offers.of(*PlanName)


def _levels(_line: Line, _settings: Settings) -> Offers:
    return Offers.of("0", "1", "2", "3")


def _pages(_line: Line, _settings: Settings) -> Offers:
    from qrsession.cli.app import VERBS  # noqa: PLC0415 - few lines name a command
    from qrsession.cli.topics import TOPICS  # noqa: PLC0415 - as above

    verbs = (Offer(name, verb.summary) for name, verb in VERBS.items())
    return Offers((*verbs, *(Offer(name, topic.summary) for name, topic in TOPICS.items())))


def _verbs(line: Line, _settings: Settings) -> Offers:
    from qrsession.cli.app import VERBS, build_app  # noqa: PLC0415 - few lines name a command

    group = build_app()
    for word in line.values.get("words", ()):
        group = group.get_command(None, word) if is_group(group) else None
    if group is None or not is_group(group):
        return Offers()
    if not line.values.get("words"):
        return Offers(tuple(Offer(name, verb.summary) for name, verb in VERBS.items()))
    return Offers(tuple(_commands(group)))


BY_OPTION: dict[str, Completer] = {
    "--backend": _backends,
    "--account": _accounts,
    "--mode": _modes,
    "--format": _forms,
    "--plan": _plans,
    "--optimization-level": _levels,
}
# Of verbs whose argument is a plain NAME, or more than a noun says.
BY_VERB: dict[str, Completer] = {
    "account": _accounts,
    "backends": _backends_or_snapshot,
    "man": _pages,
    "help": _verbs,
}
BY_NOUN: dict[str, Completer] = {
    "SESSION": _sessions,
    "JOB": _jobs,
    "CIRCUIT": _circuits,
    "FILE": _files,
    "DIR": _folders,
    "CMD": _program,
}
