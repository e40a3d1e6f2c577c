"""Saving, choosing and deleting accounts: what is checked, what is kept, and what is said."""

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from qrsession.accounts.account import Account, Resubmit, Rule, read_accounts
from qrsession.accounts.reports import without_sign_on
from qrsession.accounts.saved import SavedAccounts
from qrsession.errors import AccountNotFoundError, InvalidValueError, NoAccountError, StorageError
from qrsession.settings import Settings
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger

pytestmark = pytest.mark.fast

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/acct:inst::"
WORK = Account("work", "work-key")


class Home:
    """A user's accounts, what was said of them, and the file that they are in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.file = folder / "user" / ".qiskit" / "qiskit-ibm.json"

    def settings(self, **variables: str) -> Settings:
        found = Settings.from_environ({"QRSESSION_HOME": str(self.folder), **variables})
        return replace(found, accounts_file=self.file)

    def accounts(self, environ: dict[str, str] | None = None, **variables: str) -> SavedAccounts:
        settings = self.settings(**variables)
        return SavedAccounts(settings, warn=self.said.append, environ=environ or {})

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    def write(self, document: dict[str, Any]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(document))
        self.file.chmod(0o600)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def save(home: Home, account: Account, *, overwrite: bool = False, default: bool = False) -> None:
    home.accounts().save(account, overwrite=overwrite, make_default=default)


@pytest.mark.parametrize("name", ["local", "environment"])
def test_reserved_names(home: Home, name: str) -> None:
    with pytest.raises(InvalidValueError, match="reserved"):
        save(home, replace(WORK, name=name), overwrite=True)
    with pytest.raises(InvalidValueError, match="built in"):
        home.accounts().use(name)
    with pytest.raises(InvalidValueError, match="built in"):
        home.accounts().check_saved(name)
    assert not home.file.exists()


@pytest.mark.parametrize("name", ["", " ", "a b", "-x", "a\x1b", "n" * 64, "é"])
def test_names_that_are_none(home: Home, name: str) -> None:
    with pytest.raises(InvalidValueError, match="name of an account"):
        save(home, replace(WORK, name=name))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "http://runtime.example"),
        ("url", "https://me:hunter2@runtime.example"),
        ("url", "runtime.example"),
        ("url", "https://cloud.ibm.com@evil.org"),
        ("channel", "ibm_quantum"),
        ("region", "us-west"),
        ("resubmit", "always"),
        ("instance", "crn:v1:short"),
        ("instance", "crn:v1:bluemix:public:quantum-computing:evil.org/:a/acct:inst::"),
        ("instance", f"{CRN} "),
        ("instance", "a\nb"),
        ("instance", ""),
        ("tags", ("",)),
        ("plans_preference", ("open", "\x1b")),
        ("proxies", {"https": "proxy:3128"}),
        ("proxies", {"https": "socks5://hunter2@proxy"}),
        ("proxies", {"https": "http://me:hunter2@proxy/path"}),
        ("proxies", {"https": "http://me:hunter2@proxy:port"}),
        ("proxies", {"https": "http://me:hunter2@[::1"}),
        ("proxies", {"https": "http://me:hun ter2@proxy"}),
        ("token", ""),
        ("token", "hunter2 hunter2"),
    ],
)
def test_what_cannot_be_used_is_not_saved(home: Home, field: str, value: Any) -> None:
    with pytest.raises(InvalidValueError) as caught:
        save(home, replace(WORK, **{field: value}))
    assert "hunter2" not in str(caught.value) + caught.value.advice
    assert not home.file.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "http://127.0.0.1:8000"},
        {"url": "https://runtime.example:8443/q"},
        {"instance": CRN},
        {"instance": "auto"},
        {"instance": "Übungen in Köln"},
        {"proxies": {"https": "http://127.0.0.1:3128/"}},
        {"proxies": {"https": "https://me:p%40ss@proxy.example"}},
    ],
)
def test_what_can_be_used(home: Home, fields: dict[str, Any]) -> None:
    account = replace(WORK, **fields)
    save(home, account)
    assert read_accounts(home.file) == {"work": account}


def test_a_name_that_is_taken(home: Home) -> None:
    save(home, WORK)
    with pytest.raises(InvalidValueError, match="saved already") as caught:
        save(home, replace(WORK, token="other"))  # noqa: S106 - opens nothing
    assert "--overwrite" in caught.value.advice
    assert read_accounts(home.file)["work"] == WORK


def test_replacing_keeps_what_is_not_ours_and_says_what_goes(home: Home) -> None:
    other = {"channel": "ibm_quantum", "token": "t", "is_default_account": False}
    before = {
        **Account("work", "old", instance=CRN, tags=("a",), resubmit=Resubmit.AUTO).to_record(),
        "proxies": {"urls": {}, "username_ntlm": "me", "password_ntlm": "hunter2"},
        "is_default_account": True,
        "future": {"a": 1},
    }
    before["qrsession"]["also"] = "kept"
    home.write({"work": before, "other": other})
    saving = home.accounts().save(replace(WORK, region="eu-de"), overwrite=True, make_default=False)
    assert not saving.is_new
    assert saving.dropped == ("instance", "proxies", "resubmit", "tags")
    assert (saving.report.is_default, saving.report.is_in_use) == (True, True)
    assert home.document() == {
        "work": {
            "channel": "ibm_quantum_platform",
            "token": "work-key",
            "url": "https://cloud.ibm.com",
            "private_endpoint": False,
            "region": "eu-de",
            "is_default_account": True,
            "future": {"a": 1},
            "qrsession": {"also": "kept"},
        },
        "other": other,
    }


def test_a_damaged_account_can_be_replaced_or_deleted(home: Home) -> None:
    home.write({"work": {"token": 5}, "odd": 5})
    with pytest.raises(StorageError):
        home.accounts().reports()
    save(home, WORK, overwrite=True)
    home.accounts().check_saved("odd")
    home.accounts().delete("odd")
    assert read_accounts(home.file) == {"work": WORK}


def test_accounts_without_certificates_are_warned_of(home: Home) -> None:
    save(home, WORK)
    assert home.said == []
    save(home, replace(WORK, name="lax", verify=False))
    assert len(home.said) == 1
    assert "Certificates" in home.said[0]


def test_the_default_moves(home: Home) -> None:
    save(home, WORK, default=True)
    save(home, replace(WORK, name="cloud", channel="ibm_cloud"), default=True)
    assert [name for name, account in read_accounts(home.file).items() if account.is_default] == [
        "cloud"
    ]
    report = home.accounts().use("work")
    assert (report.is_default, report.is_in_use, report.chosen_by) == (True, True, Rule.DEFAULT)
    assert [name for name, account in read_accounts(home.file).items() if account.is_default] == [
        "work"
    ]
    assert home.said == []


def test_what_cannot_become_the_default(home: Home) -> None:
    home.write({"old": {"channel": "ibm_quantum", "token": "k"}, "work": WORK.to_record()})
    with pytest.raises(AccountNotFoundError, match=r"'none'.*old, work"):
        home.accounts().use("none")
    with pytest.raises(InvalidValueError, match="retired"):
        home.accounts().use("old")


def test_a_variable_that_comes_first_is_told(home: Home) -> None:
    save(home, WORK)
    report = home.accounts({"QISKIT_IBM_TOKEN": "k"}).use("work")
    assert not report.is_in_use
    assert home.said == ["QISKIT_IBM_TOKEN is set and comes first, so 'environment' is used."]
    home.accounts(QRSESSION_ACCOUNT="local").use("work")
    assert "QRSESSION_ACCOUNT" in home.said[1]


def test_all_accounts_are_listed(home: Home) -> None:
    home.write(
        {
            "b": WORK.to_record(),
            "a": WORK.to_record(),
            "old": {"channel": "ibm_quantum", "token": "k"},
            "local": WORK.to_record(),
        }
    )
    reports = home.accounts({"QISKIT_IBM_TOKEN": "env-key"}).reports()
    assert [(report.name, report.source, report.is_in_use) for report in reports] == [
        ("a", "file", False),
        ("b", "file", False),
        ("environment", "environment", True),
        ("local", "built_in", False),
    ]
    assert len(home.said) == 1
    assert "'local' is built in" in home.said[0]
    assert "key" not in str([report.document() for report in reports]).replace("has_key", "")


def test_what_is_wrong_with_one_hides_no_other(home: Home) -> None:
    save(home, WORK)
    reports = home.accounts({"QISKIT_IBM_TOKEN": "a b"}).reports()
    assert [report.name for report in reports] == ["work", "local"]
    assert home.said == ["QISKIT_IBM_TOKEN holds a key with blanks."]
    reports = home.accounts(QRSESSION_ACCOUNT="gone").reports()
    assert [report.is_in_use for report in reports] == [False, False]
    assert "'gone'" in home.said[1]


def test_on_a_ci_machine_without_accounts(home: Home) -> None:
    assert [report.is_in_use for report in home.accounts(CI="1").reports()] == [False]
    assert home.said == []
    with pytest.raises(NoAccountError):
        home.accounts(CI="1").report(None)


@pytest.mark.parametrize(
    ("name", "rule"), [(None, Rule.DEFAULT), ("work", Rule.OPTION), ("local", Rule.OPTION)]
)
def test_one_account_is_reported_with_its_rule(home: Home, name: str | None, rule: Rule) -> None:
    save(home, WORK)
    report = home.accounts().report(name)
    assert report.chosen_by is rule
    assert report.is_in_use is (report.name == "work")
    with pytest.raises(AccountNotFoundError):
        home.accounts().report("none")


def test_open_sessions_of_an_account_are_named(home: Home) -> None:
    save(home, WORK)
    save(home, replace(WORK, name="other"))
    ledger = Ledger(home.settings())
    for session, account in (("one", "work"), ("two", "other"), ("three", "work")):
        when = datetime(2026, 1, 31, 12, tzinfo=UTC)
        ledger.add(SessionEntry(session, f"id-{session}", "b", "batch", account, when))
    save(home, WORK, overwrite=True)
    home.accounts().check_saved("work")
    assert [text.split(" (")[0] for text in home.said] == [
        *("The open session one", "The open session three"),
        *("The open session one", "The open session three"),
    ]
    assert "(id-one)" in home.said[0]
    home.settings().state_file.write_text("nonsense")
    home.accounts().check_saved("work")
    assert "is damaged" in home.said[4]


def test_deleting(home: Home) -> None:
    save(home, WORK)
    home.accounts().delete("work")
    assert home.document() == {}
    for act in (home.accounts().delete, home.accounts().check_saved):
        with pytest.raises(AccountNotFoundError):
            act("work")


def test_a_loose_file_is_mentioned_once(home: Home) -> None:
    save(home, WORK)
    home.file.chmod(0o644)
    home.accounts().reports()
    assert stat.S_IMODE(home.file.stat().st_mode) == 0o600
    assert len(home.said) == 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:hunter2@proxy:1", "https://***@proxy:1"),
        ("https://me@proxy:1/x", "https://***@proxy:1/x"),
        ("http://a@b:hunter2@proxy", "http://***@proxy"),
        ("me:hunter2@proxy", "***"),
        ("http://me:hunter2@[::1", "***"),
        ("http://proxy:1", "http://proxy:1"),
        ("", ""),
    ],
)
def test_what_is_shown_of_a_proxy(url: str, shown: str) -> None:
    assert without_sign_on(url) == shown
