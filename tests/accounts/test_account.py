"""Which account is taken, by precedence, and what a file of accounts may hold."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qrsession.accounts.account import (
    Account,
    Resubmit,
    Rule,
    choose_account,
    is_ibm_cloud,
    local_account,
    read_accounts,
    resolve_account,
)
from qrsession.errors import (
    AccountNotFoundError,
    InvalidValueError,
    NoAccountError,
    StorageError,
)
from qrsession.settings import Settings

pytestmark = pytest.mark.fast

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/acct:inst::"
FULL = {
    "channel": "ibm_cloud",
    "token": "saved-key",
    "url": "https://cloud.ibm.com",
    "instance": CRN,
    "verify": False,
    "private_endpoint": True,
    "region": "eu-de",
    "plans_preference": ["premium", "open"],
    "tags": ["team"],
    "proxies": {"urls": {"https": "http://me:hunter2@proxy"}, "username_ntlm": "me"},
    "is_default_account": True,
    "brand_new": {"a": 1},
}


def settings_in(tmp_path: Path, saved: Any = None, **environ: str) -> Settings:
    settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path), **environ})
    file = tmp_path / "qiskit-ibm.json"
    if saved is not None:
        file.write_text(saved if isinstance(saved, str) else json.dumps(saved))
    return replace(settings, accounts_file=file)


def saved(token: str, **fields: Any) -> dict[str, Any]:
    return {"channel": "ibm_quantum_platform", "token": token, **fields}


TWO = {"work": saved("work-key", is_default_account=True), "home": saved("home-key")}
# The name under which IBM's client saves an account that was given none.
USUAL = "default-ibm-quantum-platform"
TOKEN = {"QISKIT_IBM_TOKEN": "env-key"}


@pytest.mark.parametrize(
    ("name", "variables", "environ", "expected"),
    [
        ("home", {"QRSESSION_ACCOUNT": "work"}, TOKEN, "home"),
        ("local", {"QRSESSION_ACCOUNT": "work"}, TOKEN, "local"),
        (None, {"QRSESSION_ACCOUNT": "home"}, TOKEN, "home"),
        (None, {"QRSESSION_ACCOUNT": "local"}, TOKEN, "local"),
        ("environment", {"QRSESSION_ACCOUNT": "work"}, TOKEN, "environment"),
        (None, {}, TOKEN, "environment"),
        (None, {}, {"QISKIT_IBM_TOKEN": ""}, "work"),
        (None, {}, {}, "work"),
        (None, {"CI": "true"}, {}, "work"),
    ],
)
def test_precedence(
    tmp_path: Path,
    name: str | None,
    variables: dict[str, str],
    environ: dict[str, str],
    expected: str,
) -> None:
    settings = settings_in(tmp_path, TWO, **variables)
    assert resolve_account(settings, name, environ).name == expected


@pytest.mark.parametrize(
    ("name", "variables", "environ", "rule"),
    [
        ("home", {"QRSESSION_ACCOUNT": "work"}, TOKEN, Rule.OPTION),
        ("local", {}, {}, Rule.OPTION),
        (None, {"QRSESSION_ACCOUNT": "home"}, TOKEN, Rule.VARIABLE),
        (None, {"QRSESSION_ACCOUNT": "environment"}, TOKEN, Rule.VARIABLE),
        (None, {"QRSESSION_ACCOUNT": "local"}, TOKEN, Rule.VARIABLE),
        (None, {}, TOKEN, Rule.TOKEN),
        (None, {}, {}, Rule.DEFAULT),
    ],
)
def test_the_rule_is_told(
    tmp_path: Path,
    name: str | None,
    variables: dict[str, str],
    environ: dict[str, str],
    rule: Rule,
) -> None:
    settings = settings_in(tmp_path, TWO, **variables)
    assert choose_account(settings, name, environ).rule is rule
    assert choose_account(settings_in(tmp_path / "none"), None, {}).rule is Rule.FALL_BACK


@pytest.mark.parametrize("key", ["zq zq", " zq", "'zq'", "zq\nzq", " ", "\u200bzq", "zq\x1b"])
def test_a_key_of_the_environment_that_cannot_be_one_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(InvalidValueError, match="QISKIT_IBM_TOKEN holds") as caught:
        resolve_account(settings_in(tmp_path), None, {"QISKIT_IBM_TOKEN": key})
    assert "zq" not in str(caught.value)


def test_a_line_break_at_the_end_of_it_is_no_part_of_it(tmp_path: Path) -> None:
    account = resolve_account(settings_in(tmp_path), None, {"QISKIT_IBM_TOKEN": "env-key\n"})
    assert account.token == "env-key"  # noqa: S105 - opens nothing


def test_without_any_account_the_local_one_is_taken(tmp_path: Path) -> None:
    account = resolve_account(settings_in(tmp_path), None, {})
    assert account == local_account()
    assert account.is_local


@pytest.mark.parametrize("ci", ["true", "1", "yes", "woodpecker"])
def test_on_a_ci_machine_it_must_have_been_asked_for(tmp_path: Path, ci: str) -> None:
    with pytest.raises(NoAccountError) as caught:
        resolve_account(settings_in(tmp_path, CI=ci), None, {})
    assert "--local" in caught.value.advice
    assert resolve_account(settings_in(tmp_path, CI=ci), "local", {}).is_local
    asked = settings_in(tmp_path, CI=ci, QRSESSION_ACCOUNT="local")
    assert resolve_account(asked, None, {}).is_local


@pytest.mark.parametrize("ci", ["", "0", "false", "no"])
def test_ci_that_is_off(tmp_path: Path, ci: str) -> None:
    assert resolve_account(settings_in(tmp_path, CI=ci), None, {}).is_local


def test_accounts_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(AccountNotFoundError, match=r"'other'.*home, work"):
        resolve_account(settings_in(tmp_path, TWO), "other", TOKEN)
    with pytest.raises(AccountNotFoundError, match="none"):
        resolve_account(settings_in(tmp_path / "empty"), "other", TOKEN)
    with pytest.raises(AccountNotFoundError, match="QISKIT_IBM_TOKEN"):
        resolve_account(settings_in(tmp_path, TWO), "environment", {})


def test_the_account_of_the_environment(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, TWO)
    least = resolve_account(settings, None, TOKEN)
    assert least == Account("environment", "env-key")
    assert (least.url, least.channel) == ("https://cloud.ibm.com", "ibm_quantum_platform")
    most = resolve_account(
        settings,
        None,
        TOKEN
        | {
            "QISKIT_IBM_CHANNEL": "ibm_cloud",
            "QISKIT_IBM_INSTANCE": CRN,
            "QISKIT_IBM_URL": "http://127.0.0.1:1",
            "IAM_URL": "http://127.0.0.1:2",
        },
    )
    assert (most.channel, most.instance) == ("ibm_cloud", CRN)
    assert (most.url, most.iam_url) == ("http://127.0.0.1:1", "http://127.0.0.1:2")
    with pytest.raises(InvalidValueError, match="ibm_quantum_platform or ibm_cloud"):
        resolve_account(settings, None, TOKEN | {"QISKIT_IBM_CHANNEL": "ibm_quantum"})


@pytest.mark.parametrize(
    ("url", "counts"),
    [
        ("https://cloud.ibm.com", False),
        ("https://test.cloud.ibm.com", False),
        ("https://runtime.example", True),
        ("http://127.0.0.1:1", True),
        ("https://cloud.ibm.com.evil.org", True),
    ],
)
def test_iam_url_counts_for_accounts_elsewhere_than_in_the_cloud(
    tmp_path: Path, url: str, counts: bool
) -> None:
    """Else a variable left over in a shell would send a saved key to its host."""
    settings = settings_in(tmp_path, {"work": saved("key", url=url)})
    environ = {"IAM_URL": "https://iam.example"}
    for name in (None, "work"):
        assert bool(resolve_account(settings, name, environ).iam_url) is counts
    assert resolve_account(settings, "local", environ).iam_url is None


def test_a_saved_account_is_read_whole(tmp_path: Path) -> None:
    account = read_accounts(settings_in(tmp_path, {"work": FULL}).accounts_file)["work"]
    assert account == Account(
        name="work",
        token="saved-key",  # noqa: S106 - opens nothing
        url="https://cloud.ibm.com",
        instance=CRN,
        channel="ibm_cloud",
        verify=False,
        private_endpoint=True,
        proxies={"https": "http://me:hunter2@proxy"},
        needs_ntlm=True,
        region="eu-de",
        plans_preference=("premium", "open"),
        tags=("team",),
        is_default=True,
    )
    assert "saved-key" not in repr(account)
    assert "hunter2" not in repr(account)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"resubmit": "auto"}, Resubmit.AUTO),
        ({"resubmit": "never"}, Resubmit.NEVER),
        ({"resubmit": "of a later version"}, Resubmit.NEVER),
        ({"resubmit": True}, Resubmit.NEVER),
        ({}, Resubmit.NEVER),
        ("auto", Resubmit.NEVER),
        (None, Resubmit.NEVER),
    ],
)
def test_only_who_says_so_has_jobs_sent_again(own: Any, expected: Resubmit) -> None:
    assert Account.from_record("a", saved("k", qrsession=own)).resubmit == expected


def test_what_is_written_is_read_again() -> None:
    full = Account.from_record("work", FULL | {"qrsession": {"resubmit": "auto"}})
    again = Account.from_record("work", full.to_record())
    assert again == replace(full, needs_ntlm=False, is_default=False)
    least = Account("a", "k")
    assert Account.from_record("a", least.to_record()) == least
    assert list(least.to_record()) == ["channel", "token", "url", "private_endpoint"]


def test_of_a_saved_account_the_key_is_enough(tmp_path: Path) -> None:
    file = settings_in(tmp_path, {"work": {"token": "k"}}).accounts_file
    assert read_accounts(file) == {"work": Account("work", "k")}


def test_accounts_of_the_retired_platform_are_left_out(tmp_path: Path) -> None:
    old = {"channel": "ibm_quantum", "token": "k", "verify": "odd"}
    file = settings_in(tmp_path, {"old": old, **TWO}).accounts_file
    assert set(read_accounts(file)) == {"work", "home"}


@pytest.mark.parametrize(
    ("accounts", "channel", "expected"),
    [
        ({"a": saved("1"), "b": saved("2", is_default_account=True)}, None, "b"),
        ({"a": saved("1"), USUAL: saved("2")}, None, USUAL),
        ({"a": saved("1", channel="ibm_cloud"), "b": saved("2")}, None, "b"),
        ({"a": saved("1", channel="ibm_cloud"), "b": saved("2")}, "ibm_cloud", "a"),
        (
            {"a": saved("1"), "b": saved("2", channel="ibm_cloud", is_default_account=True)},
            None,
            "b",
        ),
        ({"a": saved("1", channel="ibm_cloud")}, None, "a"),
        ({"local": saved("1", is_default_account=True), "b": saved("2")}, None, "b"),
        ({"environment": saved("1"), "local": saved("2")}, None, "local"),
    ],
)
def test_the_default_account(
    tmp_path: Path, accounts: dict[str, Any], channel: str | None, expected: str
) -> None:
    environ = {"QISKIT_IBM_CHANNEL": channel} if channel else {}
    account = resolve_account(settings_in(tmp_path, accounts), None, environ)
    assert account.name == expected
    assert account.is_local == (account.token == "")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "5",
        '{"a": 5}',
        '{"a": {"token": 5}}',
        '{"a": {"token": "secret-key", "verify": "yes"}}',
        '{"a": {"token": "secret-key", "proxies": 5}}',
        '{"a": {"token": "secret-key", "proxies": {"urls": 5}}}',
        '{"a": {"token": "secret-key", "proxies": {"urls": {"https": 5}}}}',
        '{"a": {"token": "secret-key", "plans_preference": [5]}}',
        "[" * 100_000,
        "\ud800",
    ],
    ids=range(13),
)
def test_a_damaged_file_is_one_error_without_secrets(tmp_path: Path, content: str) -> None:
    file = tmp_path / "qiskit-ibm.json"
    file.write_bytes(content.encode(errors="surrogatepass"))
    with pytest.raises(StorageError, match=r"qiskit-ibm\.json") as caught:
        read_accounts(file)
    assert "secret-key" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert read_accounts(tmp_path / "none.json") == {}
    with pytest.raises(StorageError):
        read_accounts(tmp_path)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://cloud.ibm.com", True),
        ("https://CLOUD.ibm.COM/x", True),
        ("https://test.cloud.ibm.com", True),
        ("http://cloud.ibm.com", False),
        ("https://cloud.ibm.com.evil.org", False),
        ("https://notcloud.ibm.com", False),
        ("https://cloud.ibm.com@evil.org", False),
        ("https://evil.org/.cloud.ibm.com", False),
        ("https://[::1", False),
        ("cloud.ibm.com", False),
        ("", False),
    ],
)
def test_what_is_ibms_cloud(url: str, expected: bool) -> None:
    assert is_ibm_cloud(url) is expected
