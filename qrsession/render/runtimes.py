"""The local runtime as people and programs are shown it."""

import math
from typing import TYPE_CHECKING, Any

from qrsession.duration import format_duration
from qrsession.render.tables import Cell, Column, table_text
from qrsession.render.terminal import Style, Terminal
from qrsession.render.views import card_text

if TYPE_CHECKING:
    from qrsession.local.process.daemon import RuntimeAddress

# In the order of the line that programs read: what is new comes last.
_COLUMNS = {
    "state": Column("STATE"),
    "url": Column("URL"),
    "pid": Column("PID", is_quantity=True),
    "version": Column("VERSION"),
    "log": Column("LOG"),
    "plan": Column("PLAN"),
    "clock_rate": Column("CLOCK RATE", is_quantity=True),
    "ideal": Column("IDEAL"),
    "usage_limit_s": Column("USAGE LIMIT S", is_quantity=True),
    "submissions_per_minute": Column("SUBMISSIONS A MINUTE", is_quantity=True),
    "scenario": Column("SCENARIO"),
    "kept_s": Column("KEPT S", is_quantity=True),
}


def runtime_data(address: "RuntimeAddress | None", kept_s: float = 0.0) -> dict[str, Any]:
    """Return what is known of the runtime, for programs; nulls where it is down.

    Args:
        address: Where it is and how it serves; None where it is down.
        kept_s: For how many seconds more it stays up, though nobody uses it.
    """
    if address is None:
        return {"state": "down", **dict.fromkeys(name for name in _COLUMNS if name != "state")}
    in_force = address.in_force
    return {
        "state": "up",
        "url": address.url,
        "pid": address.pid,
        "version": address.version,
        "log": str(address.log_file),
        "plan": in_force.plan,
        "clock_rate": in_force.clock_rate,
        "ideal": address.is_ideal,
        "usage_limit_s": in_force.usage_limit_s,
        "submissions_per_minute": in_force.submissions_per_minute,
        "scenario": in_force.scenario,
        "kept_s": int(kept_s) or None,
    }


def runtime_text(address: "RuntimeAddress | None", kept_s: float, terminal: Terminal) -> str:
    """Return the same for people; off a terminal a line of titles and one of values."""
    data = runtime_data(address, kept_s)
    if not terminal.is_terminal:
        return table_text(
            list(_COLUMNS.values()), [[_plain(data[name]) for name in _COLUMNS]], terminal
        )
    if address is None:
        return card_text("local runtime", Cell("down", Style.FAINT), [], terminal)
    facts = [
        ("url", address.url),
        ("pid", str(address.pid)),
        ("version", address.version),
        ("log", str(address.log_file)),
        *_conditions(address),
    ]
    if data["kept_s"]:
        minutes_s = math.ceil(kept_s / 60) * 60
        facts.append(("kept up", f"for {format_duration(minutes_s)} more, idle or not"))
    return card_text("local runtime", Cell("up", Style.GOOD), facts, terminal)


def _conditions(address: "RuntimeAddress") -> list[tuple[str, str]]:
    """Return the conditions, those alone that somebody asked for."""
    in_force = address.in_force
    facts = [("plan", in_force.plan)]
    if in_force.clock_rate != 1:
        facts.append(("clock", f"{in_force.clock_rate:g} times as fast as real time"))
    if in_force.usage_limit_s is not None:
        facts.append(("usage", f"at most {in_force.usage_limit_s:g} s in 28 days"))
    if in_force.submissions_per_minute is not None:
        facts.append(("submit", f"at most {in_force.submissions_per_minute} jobs a minute"))
    if address.is_ideal:
        facts.append(("twins", "ideal, without noise"))
    if in_force.scenario is not None:
        facts.append(("scenario", in_force.scenario))
    return facts


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
