"""The file of accounts is one with that of IBM's client: each reads what the other wrote."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit_ibm_runtime import QiskitRuntimeService
from qiskit_ibm_runtime.accounts import AccountManager
from qiskit_ibm_runtime.accounts.exceptions import AccountNotFoundError, InvalidAccountError

from qrsession.accounts.account import (
    CHANNELS,
    Account,
    Resubmit,
    default_account,
    read_accounts,
    resolve_account,
)
from qrsession.accounts.saved import SavedAccounts
from qrsession.settings import Settings

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/acct:inst::"
PROXY = "http://me:hunter2@proxy:3128"
FULL = Account(
    name="work",
    token="the-key",  # noqa: S106 - opens nothing
    url="https://cloud.ibm.com",
    instance=CRN,
    channel="ibm_cloud",
    verify=False,
    private_endpoint=True,
    proxies={"http": PROXY, "https": PROXY},
    region="eu-de",
    plans_preference=("premium", "open"),
    tags=("team", "prod"),
)
# The same, in the words of IBM's client.
FULL_OF_IBM: dict[str, Any] = {
    "token": "the-key",
    "url": "https://cloud.ibm.com",
    "instance": CRN,
    "channel": "ibm_cloud",
    "verify": False,
    "private_endpoint": True,
    "proxies": {"urls": {"http": PROXY, "https": PROXY}},
    "region": "eu-de",
    "plans_preference": ["premium", "open"],
    "tags": ["team", "prod"],
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings.from_environ({"QRSESSION_HOME": str(tmp_path / "home")})
    return replace(found, accounts_file=tmp_path / "folder" / "qiskit-ibm.json")


@pytest.fixture
def accounts(settings: Settings) -> SavedAccounts:
    return SavedAccounts(settings, environ={})


def save_as_ibm(settings: Settings, **fields: Any) -> None:
    QiskitRuntimeService.save_account(filename=str(settings.accounts_file), **fields)


def saved_as_ibm(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = QiskitRuntimeService.saved_accounts(
        filename=str(settings.accounts_file)
    )
    return found


def test_what_ibms_client_saves_is_read(settings: Settings) -> None:
    save_as_ibm(settings, name="work", set_as_default=True, **FULL_OF_IBM)
    save_as_ibm(settings, token="least")  # noqa: S106 - opens nothing
    assert read_accounts(settings.accounts_file) == {
        "work": replace(FULL, is_default=True),
        "default-ibm-quantum-platform": Account("default-ibm-quantum-platform", "least"),
    }


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_we_save_is_byte_for_byte_what_ibms_client_saves(
    settings: Settings, tmp_path: Path, channel: str
) -> None:
    theirs = replace(settings, accounts_file=tmp_path / "theirs" / "qiskit-ibm.json")
    ours = SavedAccounts(settings, environ={})
    full = FULL_OF_IBM | {"channel": channel}
    save_as_ibm(theirs, name="work", set_as_default=True, **full)
    ours.save(replace(FULL, channel=channel), overwrite=False, make_default=True)
    save_as_ibm(theirs, name="least", token="k")  # noqa: S106 - opens nothing
    ours.save(Account("least", "k"), overwrite=False, make_default=False)
    assert settings.accounts_file.read_bytes() == theirs.accounts_file.read_bytes()


def test_what_we_save_is_read_by_ibms_client(settings: Settings, accounts: SavedAccounts) -> None:
    accounts.save(replace(FULL, resubmit=Resubmit.AUTO), overwrite=False, make_default=True)
    assert saved_as_ibm(settings) == {"work": FULL_OF_IBM}
    account = AccountManager.get(filename=str(settings.accounts_file)).validate()
    assert account.proxies.to_request_params() == {"proxies": {"http": PROXY, "https": PROXY}}
    assert read_accounts(settings.accounts_file)["work"].resubmit == "auto"


def test_both_write_in_turns(settings: Settings, accounts: SavedAccounts) -> None:
    """Neither loses what the other wrote, nor what neither knows."""
    old = {"channel": "ibm_quantum", "token": "old", "hub": {"of": "long ago"}}
    strange = {"channel": "of_the_future", "token": "t", "new": [1, {"a": None}]}
    settings.accounts_file.parent.mkdir()
    settings.accounts_file.write_text(json.dumps({"old": old, "strange": strange}))
    accounts.save(replace(FULL, resubmit=Resubmit.AUTO), overwrite=False, make_default=False)
    save_as_ibm(settings, name="theirs", token="k", set_as_default=True)  # noqa: S106 - as above
    accounts.use("work")
    AccountManager.delete(filename=str(settings.accounts_file), name="theirs")
    accounts.save(Account("more", "k"), overwrite=False, make_default=False)
    accounts.delete("more")
    document = json.loads(settings.accounts_file.read_text())
    assert document == {
        "old": old,
        "strange": strange,
        "work": FULL_OF_IBM | {"is_default_account": True, "qrsession": {"resubmit": "auto"}},
    }


@pytest.mark.parametrize("name", ["a", "m", "z"])
@pytest.mark.parametrize("channel", [None, *CHANNELS])
def test_both_take_the_account_that_is_used(
    settings: Settings,
    accounts: SavedAccounts,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    channel: str | None,
) -> None:
    """Whatever the order of the file, the channels, and what was the default before."""
    retired = {"channel": "ibm_quantum", "token": "old", "is_default_account": True}
    settings.accounts_file.parent.mkdir()
    settings.accounts_file.write_text(json.dumps({"0": retired}))
    for other, its_channel in (("a", CHANNELS[1]), ("m", CHANNELS[0]), ("z", CHANNELS[1])):
        account = Account(other, f"key-of-{other}", channel=its_channel)
        accounts.save(account, overwrite=False, make_default=True)
    if channel:
        monkeypatch.setenv("QISKIT_IBM_CHANNEL", channel)
    accounts.use(name)
    assert resolve_account(settings).name == name
    assert AccountManager.get(filename=str(settings.accounts_file)).token == f"key-of-{name}"


NAMES = ("a", "default-ibm-cloud", "default-ibm-quantum-platform", "default", "z")
RECORDS = st.fixed_dictionaries(
    {"channel": st.sampled_from(CHANNELS)}, optional={"is_default_account": st.just(value=True)}
)


@given(
    documents=st.dictionaries(st.sampled_from(NAMES), RECORDS),
    channel=st.sampled_from([None, *CHANNELS]),
)
def test_both_take_the_same_account(
    tmp_path_factory: pytest.TempPathFactory, documents: dict[str, Any], channel: str | None
) -> None:
    file = tmp_path_factory.getbasetemp() / "any-accounts.json"
    records = {name: {**record, "token": name} for name, record in documents.items()}
    file.write_text(json.dumps(records))
    with pytest.MonkeyPatch.context() as patch:
        if channel:
            patch.setenv("QISKIT_IBM_CHANNEL", channel)
        ours = default_account(read_accounts(file, warn=lambda _text: None))
        try:
            theirs = AccountManager.get(filename=str(file)).token
        except (AccountNotFoundError, InvalidAccountError):
            # It gives up where no account is of the channel; we go on with what there is.
            assert (ours is None) is (not records)
        else:
            assert ours is not None
            assert ours.name == theirs


@pytest.mark.parametrize("own", [{"qrsession": {"resubmit": "auto"}}, {"qrsession_resubmit": "a"}])
def test_ibms_client_does_not_mind_keys_of_others(
    settings: Settings, accounts: SavedAccounts, own: dict[str, Any]
) -> None:
    accounts.save(Account("work", "k"), overwrite=False, make_default=False)
    document = json.loads(settings.accounts_file.read_text())
    document["work"] |= own
    settings.accounts_file.write_text(json.dumps(document))
    assert AccountManager.get(filename=str(settings.accounts_file), name="work").validate()
    assert set(saved_as_ibm(settings)) == {"work"}
