"""The ledger's own TOML, read fast: what `tomli_w` writes for entries of plain values.

tomllib reads all of TOML a character at a time, which takes 50 µs for each open session, in every
command and each time somebody completes a name. What is here knows the few forms of line that this
program writes, and leaves every file that has another line in it to tomllib. A test holds one
against the other.
"""

import re
from datetime import datetime
from typing import Any

_TABLE = re.compile(r'\[sessions\.(?:([A-Za-z0-9_-]+)|"([A-Za-z0-9._-]+)")\]')
# One form a group: a string without escapes, a truth, a time with its zone, an integer, a decimal.
_PAIR = re.compile(
    r"([A-Za-z0-9_-]+) = (?:"
    r'"([^"\\\x00-\x1f\x7f]*)"|(true|false)|'
    r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))|"
    r"(-?(?:0|[1-9]\d{0,17}))|(-?(?:0|[1-9]\d*)\.\d+)"
    r")"
)


def read_plain(text: str) -> dict[str, Any] | None:
    """Read a ledger of plain lines; None where tomllib must read it, or say what is wrong."""
    document: dict[str, Any] = {}
    table = document
    sessions: dict[str, Any] = {}
    is_headed = False
    for line in text.split("\n"):
        if not line:
            continue
        if pair := _PAIR.fullmatch(line):
            key = pair[1]
            if key in table or (table is document and key == "sessions"):
                return None
            try:
                table[key] = _value(pair)
            except ValueError:
                return None
        elif header := _TABLE.fullmatch(line):
            name = header[1] or header[2]
            if name in sessions:
                return None
            table = sessions[name] = {}
            is_headed = True
        elif line == "[sessions]" and not is_headed:
            table = sessions
            is_headed = True
        else:
            return None
    return {**document, "sessions": sessions} if is_headed else None


def _value(pair: re.Match[str]) -> Any:
    _, text, truth, moment, whole, decimal = pair.groups()
    if text is not None:
        return text
    if truth is not None:
        return truth == "true"
    if moment is not None:
        return datetime.fromisoformat(moment)
    return int(whole) if whole is not None else float(decimal)
