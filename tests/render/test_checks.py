"""Checks as people and programs see them."""

import pytest

from qrsession.checkups.findings import Finding, Group, failed, ok, skipped, warning
from qrsession.render.checks import groups_text
from qrsession.render.terminal import Terminal

pytestmark = pytest.mark.fast

GROUPS = (
    Group("first", (ok("one", "As it should be."), skipped("two", "Not looked at.", "Do so."))),
    Group(
        "second",
        (
            warning("three", "A long sentence that goes on over the end of the line.", "Wait."),
            failed("four\x1b[31m", "[red]Bad[/red].\tIt\nis.", "Mend it: chmod 700 '/x'"),
        ),
    ),
)


def test_a_terminal_has_groups_with_marks() -> None:
    assert groups_text(GROUPS, Terminal(is_terminal=True, width=50)) == (
        "first\n"
        "  ✓ one        As it should be.\n"
        "  · two        Not looked at.\n"
        "               Do so.\n"
        "\n"
        "second\n"
        "  ! three      A long sentence that goes on over\n"
        "               the end of the line.\n"
        "               Wait.\n"
        "  ✗ four[31m   [red]Bad[/red]. It is.\n"
        "               Mend it: chmod 700 '/x'\n"
        "\n"
        "1 ok, 1 skipped, 1 warning (three), 1 failed (four[31m)\n"
    )


def test_marks_are_ascii_where_nothing_else_is_taken() -> None:
    text = groups_text(GROUPS, Terminal(is_terminal=True, has_unicode=False))
    assert text.isascii()
    assert [line[2] for line in text.splitlines() if line[:2] == "  " and line[2] != " "] == [
        "+",
        "-",
        "!",
        "x",
    ]


def test_colours_say_the_same() -> None:
    coloured = groups_text(GROUPS, Terminal(is_terminal=True, has_colour=True))
    assert "\x1b[32m✓\x1b[0m" in coloured
    assert "\x1b[31m1 failed (four[31m)\x1b[0m" in coloured
    for code in ("0", "1", "2", "31", "32", "33"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == groups_text(GROUPS, Terminal(is_terminal=True))


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    longest = Finding("a name of some length", GROUPS[0].findings[0].status, "word " * 60)
    text = groups_text((Group("x", (longest,)),), Terminal(is_terminal=True, width=max(width, 45)))
    assert all(len(line) <= max(width, 45) for line in text.splitlines())


def test_elsewhere_it_is_a_line_each() -> None:
    assert groups_text(GROUPS, Terminal()).splitlines() == [
        "STATUS\tNAME\tMESSAGE\tADVICE",
        "ok\tone\tAs it should be.\t",
        "skipped\ttwo\tNot looked at.\tDo so.",
        "warning\tthree\tA long sentence that goes on over the end of the line.\tWait.",
        "failed\tfour[31m\t[red]Bad[/red]. It is.\tMend it: chmod 700 '/x'",
    ]


def test_nothing_found_is_no_fault() -> None:
    assert groups_text((), Terminal(is_terminal=True)) == "0 ok\n"
