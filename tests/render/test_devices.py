"""Backends and checks as people see them."""

import pytest

from qrsession.accounts.probe import Check, CheckVerdict
from qrsession.protocol.models import BackendSummary
from qrsession.render.checks import checks_text
from qrsession.render.devices import backend_text, backends_text
from qrsession.render.terminal import Terminal
from qrsession.verbs.devices import DeviceOverview

pytestmark = pytest.mark.fast

FEZ = BackendSummary(
    "ibm_fez",
    "online",
    3,
    num_qubits=156,
    processor="Heron r2",
    two_q_error_median=0.00291,
    two_q_error_best=0.00101,
    readout_error_median=0.0093,
    clops=195_000,
)
ASLEEP = BackendSummary("ibm_miami", "paused", 12, num_qubits=120, status_reason="calibrating")
SIMULATOR = BackendSummary("aer", "online", 0, num_qubits=1000, is_simulator=True)


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_wide_terminal_shows_all() -> None:
    shown = lines(backends_text([FEZ, ASLEEP], Terminal(is_terminal=True, width=120)))
    assert shown[0] == "BACKEND QUBITS KIND STATUS QUEUE 2Q ERROR 2Q BEST READOUT CLOPS"
    assert shown[2] == "ibm_fez 156 Heron r2 online 3 0.29% 0.1% 0.93% 195k"
    assert shown[3] == "ibm_miami 120 QPU paused 12"


def test_a_narrow_one_keeps_each_row_on_a_line() -> None:
    text = backends_text([FEZ, ASLEEP], Terminal(is_terminal=True, width=72))
    assert len(text.splitlines()) == 4
    assert max(map(len, text.splitlines())) <= 72
    assert "CLOPS" not in text


def test_what_no_backend_says_has_no_column() -> None:
    text = backends_text([SIMULATOR], Terminal(is_terminal=True, width=200))
    assert lines(text)[0] == "BACKEND QUBITS KIND STATUS QUEUE"


def test_elsewhere_all_columns_hold_numbers() -> None:
    header, row = backends_text([FEZ], Terminal()).splitlines()
    assert header.count("\t") == row.count("\t") == 8
    assert row.split("\t")[5:] == ["0.00291", "0.00101", "0.0093", "195000"]


def test_no_backend() -> None:
    assert "no such backend" in backends_text([], Terminal(is_terminal=True))
    assert len(backends_text([], Terminal()).splitlines()) == 1


OVERVIEW = DeviceOverview(
    version="1.2.8",
    basis_gates=("cz", "rz", "sx", "x"),
    coupled_pairs=176,
    t1_median_s=145e-6,
    readout_length_median_s=1.56e-6,
    readout_error_median=0.0076,
    dt_s=4e-9,
    faulty_qubits=(3, 7),
)


def test_a_card() -> None:
    text = backend_text(FEZ, OVERVIEW, "mine, plan open", Terminal(is_terminal=True, width=80))
    assert lines(text) == [
        "ibm_fez ● online",
        "kind Heron r2",
        "version 1.2.8",
        "instance mine, plan open",
        "qubits 156, 176 pairs coupled",
        "faulty 3, 7",
        "queue 3 jobs",
        "T1 median 145 µs",
        "2q error median 0.29%, best 0.1%",
        "readout median 0.76%, 1.56 µs long",
        "CLOPS 195k",
        "dt 4 ns",
        "gates cz rz sx x",
    ]


def test_a_card_says_why_a_backend_is_not_online() -> None:
    text = backend_text(ASLEEP, DeviceOverview(""), "", Terminal(is_terminal=True))
    assert "calibrating" in text
    simulator = backend_text(SIMULATOR, DeviceOverview("1"), "", Terminal(is_terminal=True))
    assert "1000, any with any other" in simulator


def test_elsewhere_a_card_is_lines_of_two_columns() -> None:
    rows = backend_text(FEZ, OVERVIEW, "", Terminal()).splitlines()
    assert rows[:3] == ["FIELD\tVALUE", "name\tibm_fez", "status\tonline"]
    assert all(row.count("\t") == 1 for row in rows)


def test_a_servers_text_moves_no_cursor() -> None:
    planted = DeviceOverview("\x1b[2Jversion", basis_gates=("a\tb\nc",))
    hostile = BackendSummary("\x1b]0;x\x07name", "on\nline", 0)
    for terminal in (Terminal(), Terminal(is_terminal=True)):
        for text in (
            backends_text([hostile], terminal),
            backend_text(hostile, planted, "", terminal),
        ):
            assert "\x1b" not in text
            assert "\x07" not in text


CHECKS = [
    Check("key", CheckVerdict.OK, "Good."),
    Check("sessions", CheckVerdict.WARN, "None " * 30, "Use batches."),
    Check("usage", CheckVerdict.FAIL, "\x1b[31mgone"),
]


def test_checks_on_a_terminal() -> None:
    text = checks_text("account a", CHECKS, Terminal(is_terminal=True, width=60))
    shown = text.splitlines()
    assert shown[:2] == ["account a", "  ✓ key        Good."]
    assert max(map(len, shown)) <= 60
    # What goes on below begins where it began.
    assert {line.index(line.strip()) for line in shown[3:-1]} == {15}
    assert shown[-2].strip() == "Use batches."
    assert shown[-1] == "  ✗ usage      [31mgone"
    plain = checks_text("a", CHECKS, Terminal(is_terminal=True, has_unicode=False))
    assert plain.isascii()


def test_checks_elsewhere() -> None:
    rows = [line.split("\t") for line in checks_text("a", CHECKS, Terminal()).splitlines()]
    assert rows[0] == ["CHECK", "VERDICT", "MESSAGE", "ADVICE"]
    assert [row[1] for row in rows[1:]] == ["ok", "warn", "fail"]


def test_a_card_is_broken_between_words() -> None:
    gates = ("delay", "barrier", "initialize", "while_loop", "for_loop", "switch_case")
    overview = DeviceOverview("1", max_shots=1_000_000, instructions=gates)
    text = backend_text(SIMULATOR, overview, "", Terminal(is_terminal=True, width=40))
    assert {"while_loop", "for_loop", "1,000,000"} <= set(text.split())
    assert max(map(len, text.splitlines())) <= 40
