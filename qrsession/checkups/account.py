"""Which account commands use, and why; and the file that it is from."""

from collections.abc import Iterator

from qrsession.accounts.account import (
    DEFAULT_NAMES,
    RESERVED_NAMES,
    TOKEN_VARIABLE,
    Account,
    Rule,
    choose_account,
    read_accounts,
)
from qrsession.accounts.reports import without_sign_on
from qrsession.checkups.findings import Finding, failed_with, ok, warning
from qrsession.checkups.surroundings import Surroundings
from qrsession.errors import QrsessionError
from qrsession.settings import ACCOUNT_VARIABLE
from qrsession.state.ledger import Warn
from qrsession.storage import quoted

ACCOUNT = "account"
_FILE = "account file"


def chosen_account(around: Surroundings, warn: Warn) -> tuple[Account | None, Finding]:
    """Find the account that commands use, and say why; None where there is none.

    Args:
        around: What is looked at.
        warn: Takes a sentence about the file, which is closed to others where it is open to them.
    """
    try:
        choice = choose_account(around.settings, around.account, around.environ, warn=warn)
    except QrsessionError as error:
        return None, failed_with(ACCOUNT, error)
    account = choice.account
    where = "" if account.is_local else f" at {without_sign_on(account.url)}"
    why = {
        Rule.OPTION: "named on the command line",
        Rule.VARIABLE: f"named by {ACCOUNT_VARIABLE}",
        Rule.TOKEN: f"from {TOKEN_VARIABLE}",
        Rule.DEFAULT: "the default of the saved ones",
        Rule.FALL_BACK: "built in, since none is set up",
    }[choice.rule]
    return account, ok(ACCOUNT, f"{account.name}{where}: {why}.")


def check_file(around: Surroundings, heard: list[str]) -> Iterator[Finding]:
    """Look at the file of accounts: whether it can be read, and what was heard of it before."""
    path = around.settings.accounts_file
    accounts = read_accounts(path, warn=heard.append)
    for sentence in dict.fromkeys(heard):
        yield warning(_FILE, sentence, f"Replace the keys, and see that: ls -l {quoted(path)}")
    shadowed = sorted(RESERVED_NAMES & accounts.keys())
    if shadowed:
        yield warning(
            _FILE,
            f"{', '.join(map(repr, shadowed))} is saved there, and means a built-in account.",
            "Save it under another name: qrsession account save NAME",
        )
    elif not heard:
        count = len(accounts)
        plural = "account" if count == 1 else "accounts"
        default = next((one.name for one in accounts.values() if one.is_default), None)
        marked = f", {default} marked as the default" if default else ""
        usual = set(DEFAULT_NAMES.values()) & accounts.keys()
        if count > 1 and not default and not usual:
            yield warning(
                _FILE,
                f"{path} holds {count} accounts, and none is marked as the default.",
                "Mark one: qrsession account use NAME",
            )
        else:
            held = f"holds {count} {plural}{marked}" if count else "holds none yet"
            yield ok(_FILE, f"{path} {held}.")
