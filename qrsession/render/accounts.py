"""Accounts as people see them: a table of all, a card for one."""

from typing import TYPE_CHECKING

from qrsession.render.tables import Cell, Column, table_text
from qrsession.render.terminal import Style, Terminal, clean, cut
from qrsession.render.views import card_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrsession.accounts.reports import AccountReport

_COLUMNS = tuple(
    Column(title) for title in ("NAME", "CHANNEL", "INSTANCE", "REGION", "URL", "DEFAULT")
)
_COLUMNS_ON_TERMINAL = (
    Column("NAME"),
    Column("CHANNEL"),
    Column("INSTANCE"),
    Column("WHERE", can_fold=True),
    Column("DEFAULT"),
)
_CLOUD = "https://cloud.ibm.com"
_CRN_REGION = 5
_CRN_INSTANCE = 7
_CRN_SEGMENTS = 8
_LONGEST_NAME = 28
_LONGEST_INSTANCE = 24
_LONGEST_INSTANCE_IF_NARROW = 9
# Below this width there is no room for the last column; the line below the table says it too.
_WIDTH_FOR_DEFAULT = 100
_CHOSEN_BY = {
    "QRSESSION_ACCOUNT": "by QRSESSION_ACCOUNT",
    "QISKIT_IBM_TOKEN": "by QISKIT_IBM_TOKEN",
    "default": "as the default of ~/.qiskit/qiskit-ibm.json",
    "fall_back": "since no account is set up",
}
_UNMARKED = "from ~/.qiskit/qiskit-ibm.json, where none is marked as the default"
_SOURCES = {"file": "saved", "environment": "from the environment", "built_in": "built in"}


def accounts_text(accounts: "Sequence[AccountReport]", terminal: Terminal) -> str:
    """Return a table of accounts; on a terminal the one that is used now is marked."""
    rows = [_row(account, terminal) for account in accounts]
    if not terminal.is_terminal:
        return table_text(_COLUMNS, rows, terminal)
    columns = list(_COLUMNS_ON_TERMINAL)
    if _is_narrow(terminal):
        del columns[-1]
        rows = [row[:-1] for row in rows]
    note = terminal.paint(_note(accounts), Style.FAINT)
    return f"{table_text(columns, rows, terminal)}\n{note}\n"


def _is_narrow(terminal: Terminal) -> bool:
    return terminal.width < _WIDTH_FOR_DEFAULT


def _note(accounts: "Sequence[AccountReport]") -> str:
    used = next((account for account in accounts if account.is_in_use), None)
    default = next((account for account in accounts if account.is_default), None)
    note = "Where none is named, none is used."
    if used is not None:
        note = f"* is used where none is named, {_chosen(used)}."
    if default is not None and not default.is_in_use:
        note += f" The default is {clean(default.name)}."
    return note


def account_text(account: "AccountReport", terminal: Terminal) -> str:
    """Return one account in full: a card on a terminal, a table with one row elsewhere."""
    if not terminal.is_terminal:
        return table_text(_COLUMNS, [_row(account, terminal)], terminal)
    state = Cell(_SOURCES[account.source], Style.PLAIN)
    if account.is_in_use:
        state = Cell("used where none is named", Style.GOOD)
    return card_text(account.name, state, _facts(account), terminal)


def _row(account: "AccountReport", terminal: Terminal) -> list[str | Cell]:
    if not terminal.is_terminal:
        shown = (account.channel, account.instance, _region(account), account.url)
        mark = "yes" if account.is_default else ""
        return [account.name, *(value or "" for value in shown), mark]
    name = cut(account.name, _LONGEST_NAME, terminal)
    return [
        Cell(f"{'*' if account.is_in_use else ' '} {name}", Style.STRONG),
        (account.channel or "").removeprefix("ibm_") or Cell(_SOURCES[account.source], Style.FAINT),
        _short_instance(account, terminal),
        _place(account),
        Cell("default" if account.is_default else "", Style.GOOD),
    ]


def _short_instance(account: "AccountReport", terminal: Terminal) -> str | Cell:
    if account.channel is None:
        return ""
    if account.instance in {None, "auto"}:
        return Cell("any", Style.FAINT)
    segments = _segments(account.instance)
    narrow = _LONGEST_INSTANCE_IF_NARROW
    if segments:
        return cut(segments[_CRN_INSTANCE], narrow, terminal)
    longest = narrow if _is_narrow(terminal) else _LONGEST_INSTANCE
    return cut(str(account.instance), longest, terminal)


def _region(account: "AccountReport") -> str:
    segments = _segments(account.instance)
    return segments[_CRN_REGION] if segments else account.region or ""


def _segments(instance: str | None) -> list[str]:
    """Return the segments of a CRN, none of what is no CRN."""
    segments = (instance or "").split(":")
    return segments if segments[0] == "crn" and len(segments) >= _CRN_SEGMENTS else []


def _place(account: "AccountReport") -> str:
    if account.url is None:
        return "this machine"
    place = "IBM Cloud" if account.url == _CLOUD else account.url.removeprefix("https://")
    return ", ".join(part for part in (place, _region(account)) if part)


def _facts(account: "AccountReport") -> list[tuple[str, str]]:
    proxies = ", ".join(f"{url} ({scheme})" for scheme, url in account.proxies.items())
    if account.needs_ntlm:
        proxies = f"{proxies}, sign-on by NTLM, which is not spoken here".removeprefix(", ")
    is_service = account.channel is not None
    facts = [
        ("channel", account.channel or ""),
        ("url", account.url or "the local runtime, on this machine"),
        ("instance", (account.instance or "any") if is_service else ""),
        ("region", account.region or ""),
        ("plans", ", ".join(account.plans_preference)),
        ("tags", ", ".join(account.tags)),
        ("endpoint", "private" if account.private_endpoint else ""),
        ("TLS", "" if account.verify else "certificates are not checked"),
        ("proxy", proxies),
        ("resubmit", account.resubmit if is_service else ""),
        ("key", ("kept, and not shown" if account.has_key else "missing") if is_service else ""),
        ("default", "yes" if account.is_default else ""),
        ("chosen", _chosen(account) if account.chosen_by else ""),
    ]
    return [(label, value) for label, value in facts if value]


def _chosen(account: "AccountReport") -> str:
    if account.chosen_by == "default" and not account.is_default:
        return _UNMARKED
    return _CHOSEN_BY.get(str(account.chosen_by), "")
