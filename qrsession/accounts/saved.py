"""Saved accounts as a user keeps them: save, list, show, use and delete.

Saving and choosing do to the file what qiskit-ibm-runtime does, so that both programs take the
same account; its own words for it are ``save_account`` and ``set_as_default``.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from qrsession.accounts.account import (
    ENVIRONMENT,
    OWN_KEY,
    RESERVED_NAMES,
    RESUBMIT_KEY,
    RETIRED_CHANNEL,
    TOKEN_VARIABLE,
    Account,
    Choice,
    choose_account,
    is_retired,
    local_account,
    read_accounts,
    unknown_account,
)
from qrsession.accounts.api_key import parse_key
from qrsession.accounts.checks import check_new_name, check_settings
from qrsession.accounts.file import AccountFile
from qrsession.accounts.reports import AccountReport
from qrsession.errors import (
    AccountNotFoundError,
    InvalidValueError,
    NoAccountError,
    QrsessionError,
)
from qrsession.settings import ACCOUNT_VARIABLE, LOCAL_ACCOUNT, Settings
from qrsession.state.ledger import Ledger, Warn, log_warning

_DEFAULT_MARK = "is_default_account"
# What a save replaces as a whole. All else that an account holds stays.
_REPLACED_KEYS = frozenset(
    {
        "channel",
        "token",
        "url",
        "instance",
        "verify",
        "private_endpoint",
        "proxies",
        "region",
        "plans_preference",
        "tags",
    }
)


@dataclass(frozen=True)
class Saving:
    """What became of saving an account.

    Attributes:
        report: The account as it is now.
        is_new: Whether none of that name was there.
        dropped: Settings that the replaced account had, and this one has not.
    """

    report: AccountReport
    is_new: bool
    dropped: tuple[str, ...] = ()


class SavedAccounts:
    """The accounts of ``~/.qiskit/qiskit-ibm.json``, shared with qiskit-ibm-runtime.

    Args:
        settings: Where files live.
        warn: Takes a sentence about something that the user should know.
        environ: The variables of the environment.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        warn: Warn = log_warning,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._pass_on = warn
        self._said: set[str] = set()
        self._file = AccountFile(settings.accounts_file, warn=self._warn)

    def reports(self) -> tuple[AccountReport, ...]:
        """Report on all accounts: saved ones by name, the environment's, and ``local``.

        Raises:
            StorageError: The file cannot be read, or is damaged.
        """
        saved = self._read()
        for name in sorted(RESERVED_NAMES & saved.keys()):
            self._warn(f"The account saved as {name!r} is out of reach: {name!r} is built in.")
            del saved[name]
        accounts = [saved[name] for name in sorted(saved)]
        if self._environ.get(TOKEN_VARIABLE):
            with self._told():
                accounts.append(self._choose(ENVIRONMENT).account)
        accounts.append(local_account())
        used = self._used()
        return tuple(_report(account, used) for account in accounts)

    def report(self, name: str | None) -> AccountReport:
        """Report on one account: the one named, or the one that is used where none is named.

        Raises:
            AccountNotFoundError: No account of that name is saved.
            NoAccountError: None is named and none is set up, on a CI machine.
            StorageError: The file cannot be read, or is damaged.
        """
        chosen = self._choose(name)
        return AccountReport.of(chosen.account, self._used() if name else chosen, chosen.rule)

    def check_new(self, account: Account, *, overwrite: bool) -> None:
        """Check, before a key is asked for, that an account may be saved, but for its key.

        Raises:
            InvalidValueError: Its name is none, means a built-in account, or is taken; or
                something in it cannot be used.
            StorageError: The file cannot be read, or is damaged.
        """
        check_new_name(account.name)
        if not overwrite and account.name in self._file.read():
            raise _taken(account.name)
        check_settings(account)

    def save(self, account: Account, *, overwrite: bool, make_default: bool) -> Saving:
        """Save an account. Of one that is replaced, what is not known here stays as it is.

        An account that was the default stays it.

        Raises:
            InvalidValueError: Something in it cannot be used, or the name is taken.
            StorageError: The file cannot be written, or is damaged; it is as it was.
        """
        self.check_new(account, overwrite=overwrite)
        account = replace(account, token=parse_key(account.token, "What was given as the key"))
        if not account.verify:
            self._warn(
                "Certificates will not be checked for this account: "
                "whoever stands in between can read its key."
            )
        with self._file.changing() as document:
            # Looked at again under the lock: another process may have taken the name meanwhile.
            if not overwrite and account.name in document:
                raise _taken(account.name)
            before = document.get(account.name)
            record = _merged(before, account)
            document[account.name] = record
            if make_default:
                _mark_default(document, account.name)
        if before is not None:
            self._warn_of_sessions(account.name, "was opened with the account as it was")
        saved = replace(account, is_default=bool(record.get(_DEFAULT_MARK)))
        report = _report(saved, self._used())
        return Saving(report, is_new=before is None, dropped=_dropped(before, record))

    def use(self, name: str) -> AccountReport:
        """Make an account the default, of this program and of qiskit-ibm-runtime.

        That program has one default whatever the channels, so the mark of any other goes.

        Raises:
            AccountNotFoundError: No account of that name is saved.
            InvalidValueError: It is built in, or of the retired channel.
            StorageError: The file cannot be written, or is damaged; it is as it was.
        """
        if name in RESERVED_NAMES:
            how = f"{ACCOUNT_VARIABLE}={name}" if name == LOCAL_ACCOUNT else TOKEN_VARIABLE
            raise InvalidValueError(
                f"The account {name!r} is built in, so the file cannot make it the default.",
                advice=f"Set {how}.",
            )
        if is_retired(self._file.read().get(name)):
            raise InvalidValueError(
                f"The account {name!r} is of the channel {RETIRED_CHANNEL}, which was retired.",
                advice="Save it anew, with a key of IBM Quantum Platform.",
            )
        account = self._read().get(name)
        if account is None:
            raise self._unknown(name)
        with self._file.changing() as document:
            if name not in document:
                raise self._unknown(name)
            _mark_default(document, name)
        used = self._used()
        if used is not None and used.account.name != name:
            self._warn(f"{used.rule} is set and comes first, so {used.account.name!r} is used.")
        return _report(replace(account, is_default=True), used)

    def check_saved(self, name: str) -> None:
        """Check, before it is asked whether an account shall go, that it is there.

        Says which open sessions would be out of reach.

        Raises:
            AccountNotFoundError: No account of that name is saved.
            InvalidValueError: It is built in.
            StorageError: The file cannot be read, or is damaged.
        """
        if name not in self._file.read():
            if name in RESERVED_NAMES:
                raise InvalidValueError(
                    f"The account {name!r} is built in, so the file has nothing to delete.",
                    advice="`qrsession account list` shows which accounts are from the file.",
                )
            raise self._unknown(name)
        self._warn_of_sessions(name, "is out of reach without the account")

    def delete(self, name: str) -> None:
        """Remove an account from the file, whatever it holds.

        Raises:
            AccountNotFoundError: No account of that name is saved.
            StorageError: The file cannot be written, or is damaged; it is as it was.
        """
        with self._file.changing() as document:
            if name not in document:
                raise self._unknown(name)
            del document[name]

    def _read(self) -> dict[str, Account]:
        return read_accounts(self._file.path, warn=self._warn)

    def _choose(self, name: str | None) -> Choice:
        return choose_account(self._settings, name, self._environ, warn=self._warn)

    def _used(self) -> Choice | None:
        """Return what is used where no account is named, None where that is an error."""
        try:
            return self._choose(None)
        except NoAccountError:
            # On a CI machine there need be none, as long as none is used.
            return None
        except QrsessionError as error:
            self._warn(error.message)
            return None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Pass an error on as a warning: what is wrong elsewhere is no reason to stop."""
        try:
            yield
        except QrsessionError as error:
            self._warn(error.message)

    def _warn(self, text: str) -> None:
        # The file is looked at several times, and one word about it is enough.
        if text not in self._said:
            self._said.add(text)
            self._pass_on(text)

    def _warn_of_sessions(self, name: str, what: str) -> None:
        with self._told():
            for entry in Ledger(self._settings, warn=self._warn).read().sessions.values():
                if entry.account == name:
                    self._warn(f"The open session {entry.name} ({entry.session_id}) {what}.")

    def _unknown(self, name: str) -> AccountNotFoundError:
        return unknown_account(name, self._file.path, self._file.read())


def _report(account: Account, used: Choice | None) -> AccountReport:
    is_in_use = used is not None and used.account.name == account.name
    return AccountReport.of(account, used, used.rule if used and is_in_use else None)


def _taken(name: str) -> InvalidValueError:
    return InvalidValueError(
        f"An account {name!r} is saved already.",
        advice="Give --overwrite to replace it, or choose another name.",
        details={"name": name},
    )


def _merged(before: Any, account: Account) -> dict[str, Any]:
    """Return the record of an account, with what the record before held of other programs."""
    old = before if isinstance(before, dict) else {}
    kept = {key: value for key, value in old.items() if key not in _REPLACED_KEYS | {OWN_KEY}}
    new = account.to_record()
    own = {key: value for key, value in _own(old).items() if key != RESUBMIT_KEY} | _own(new)
    return kept | new | ({OWN_KEY: own} if own else {})


def _own(record: dict[str, Any]) -> dict[str, Any]:
    own = record.get(OWN_KEY)
    return own if isinstance(own, dict) else {}


def _dropped(before: Any, record: dict[str, Any]) -> tuple[str, ...]:
    old = before if isinstance(before, dict) else {}
    lost = [key for key in old if key not in record and key != OWN_KEY]
    lost += [key for key in _own(old) if key not in _own(record)]
    return tuple(sorted(lost))


def _mark_default(document: dict[str, Any], name: str) -> None:
    for other, record in document.items():
        if other != name and isinstance(record, dict):
            record.pop(_DEFAULT_MARK, None)
    document[name][_DEFAULT_MARK] = True
