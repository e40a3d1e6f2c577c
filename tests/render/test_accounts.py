"""Accounts on a terminal: the whole screens."""

from typing import Any

import pytest

from qrsession.accounts.account import Account, Choice, Rule, local_account
from qrsession.accounts.reports import AccountReport
from qrsession.render.accounts import account_text, accounts_text
from qrsession.render.terminal import Terminal

pytestmark = pytest.mark.fast

CRN = "crn:v1:bluemix:public:quantum-computing:eu-de:a/acct:0123456789ab::"
NARROW = Terminal(is_terminal=True, width=80)
WIDE = Terminal(is_terminal=True, width=120)
ASCII = Terminal(is_terminal=True, width=80, has_unicode=False)


def report(name: str, *, rule: Rule | None = None, **fields: Any) -> AccountReport:
    account = Account(name, "the-key", **fields)
    return AccountReport.of(account, Choice(account, rule) if rule else None, rule)


LOCAL = AccountReport.of(local_account(), None, None)
WORK = report("work", rule=Rule.DEFAULT, instance=CRN, is_default=True)
LAB = report(
    "lab",
    url="https://lab.example:8443",
    channel="ibm_cloud",
    instance="a long name of an instance",
)


def test_a_table() -> None:
    assert accounts_text([LAB, WORK, LOCAL], NARROW).splitlines() == [
        "NAME     CHANNEL           INSTANCE   WHERE",
        "──────────────────────────────────────────────────────",
        "  lab    cloud             a long n…  lab.example:8443",
        "* work   quantum_platform  01234567…  IBM Cloud, eu-de",
        "  local  built in                     this machine",
        "",
        "* is used where none is named, as the default of ~/.qiskit/qiskit-ibm.json.",
    ]


def test_a_wide_table() -> None:
    lines = accounts_text([LAB, WORK, LOCAL], WIDE).splitlines()
    assert lines[0].split() == ["NAME", "CHANNEL", "INSTANCE", "WHERE", "DEFAULT"]
    assert lines[3].endswith("default")
    assert "a long name of an insta…" in lines[2]


@pytest.mark.parametrize(
    ("accounts", "note"),
    [
        ([LOCAL], "Where none is named, none is used."),
        (
            [report("a", rule=Rule.DEFAULT)],
            (
                "* is used where none is named, "
                "from ~/.qiskit/qiskit-ibm.json, where none is marked as the default."
            ),
        ),
        (
            [report("a", rule=Rule.VARIABLE), report("b", is_default=True)],
            "* is used where none is named, by QRSESSION_ACCOUNT. The default is b.",
        ),
        (
            [report("environment", rule=Rule.TOKEN)],
            "* is used where none is named, by QISKIT_IBM_TOKEN.",
        ),
    ],
)
def test_the_line_below_it(accounts: list[AccountReport], note: str) -> None:
    assert accounts_text(accounts, WIDE).splitlines()[-1] == note


def test_a_card() -> None:
    full = report(
        "work",
        rule=Rule.DEFAULT,
        instance=CRN,
        is_default=True,
        proxies={"https": "http://me:hunter2@proxy:1"},
        verify=False,
        private_endpoint=True,
        plans_preference=("open", "premium"),
        tags=("a",),
        region="eu-de",
        resubmit="auto",
    )
    assert account_text(full, NARROW) == (
        "work  ● used where none is named\n"
        "  channel    ibm_quantum_platform\n"
        "  url        https://cloud.ibm.com\n"
        f"  instance   {CRN}\n"
        "  region     eu-de\n"
        "  plans      open, premium\n"
        "  tags       a\n"
        "  endpoint   private\n"
        "  TLS        certificates are not checked\n"
        "  proxy      http://***@proxy:1 (https)\n"
        "  resubmit   auto\n"
        "  key        kept, and not shown\n"
        "  default    yes\n"
        "  chosen     as the default of ~/.qiskit/qiskit-ibm.json\n"
    )


def test_other_cards() -> None:
    local = AccountReport.of(local_account(), None, Rule.OPTION)
    assert account_text(local, NARROW) == (
        "local  ● built in\n  url        the local runtime, on this machine\n"
    )
    ntlm = account_text(report("lab", needs_ntlm=True), NARROW)
    assert "  proxy      sign-on by NTLM, which is not spoken here\n" in ntlm
    assert "key        missing" in account_text(
        AccountReport.of(Account("a", ""), None, None), NARROW
    )


def test_names_that_would_move_the_cursor_or_are_long() -> None:
    odd = report("a\x1b[2J\nb" + "x" * 40, instance="[red]i\x1b]0;t")
    for terminal in (NARROW, WIDE, ASCII, Terminal()):
        text = accounts_text([odd], terminal) + account_text(odd, terminal)
        assert "\x1b" not in text
        assert "[red]i" in text
    assert "a[2J bxxxxxxxxxxxxxxxxxxx..." in accounts_text([odd], ASCII)
