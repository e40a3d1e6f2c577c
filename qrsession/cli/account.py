"""``qrsession account``: the accounts that are shared with qiskit-ibm-runtime."""

import os
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from qrsession.accounts.account import (
    CHANNEL_VARIABLE,
    CHANNELS,
    DEFAULT_CHANNEL,
    DEFAULT_NAMES,
    DEFAULT_URL,
    Account,
    Resubmit,
)
from qrsession.accounts.saved import Saving
from qrsession.cli import asking, keys, options
from qrsession.cli.account_check import check
from qrsession.cli.context import Context
from qrsession.errors import InvalidValueError, UsageError
from qrsession.render.accounts import account_text, accounts_text


class Channel(StrEnum):
    """The channels that an account can be of."""

    IBM_QUANTUM_PLATFORM = "ibm_quantum_platform"
    IBM_CLOUD = "ibm_cloud"


class Region(StrEnum):
    """The regions that have instances."""

    US_EAST = "us-east"
    EU_DE = "eu-de"


_Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name.", callback=options.not_empty)]
_NameOrUsed = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="Its name; by default the one that is used now.",
        callback=options.not_empty,
    ),
]
# A list, so that a key that is given as an argument is refused in words that do not repeat it.
_NewName = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]",
        help="Its name; by default the usual one of its channel.",
        callback=options.not_empty,
    ),
]
_Token = Annotated[str | None, typer.Option("--token", hidden=True, callback=keys.refuse_token)]
_TokenStdin = Annotated[bool, typer.Option("--token-stdin", help="Read the key from stdin.")]
_TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help="Read the key from a file."),
]
_Channel = Annotated[
    Channel | None, typer.Option("--channel", help="By default ibm_quantum_platform.")
]
_Instance = Annotated[
    str | None,
    typer.Option(
        "--instance",
        metavar="CRN|NAME|auto",
        help="The instance; by default any.",
        callback=options.not_empty,
    ),
]
_Url = Annotated[
    str,
    typer.Option("--url", metavar="URL", help="The service.", callback=options.not_empty),
]
_Region = Annotated[
    Region | None, typer.Option("--region", help="Take instances of this region alone.")
]
_Plans = Annotated[
    list[str] | None,
    typer.Option(
        "--plans-preference",
        metavar="PLAN,...",
        help="Take instances of these plans alone, in this order.",
        callback=options.not_empty,
    ),
]
_Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="TAG",
        help="Take instances with this tag alone; repeatable.",
        callback=options.not_empty,
    ),
]
_Private = Annotated[
    bool, typer.Option("--private-endpoint", help="Use the cloud's private endpoints.")
]
_Proxy = Annotated[
    str | None,
    typer.Option(
        "--proxy",
        metavar="URL",
        help="A proxy of http or https; its password is not shown.",
        callback=options.not_empty,
    ),
]
_NoVerify = Annotated[bool, typer.Option("--no-verify", help="Do not check certificates.")]
_Resubmit = Annotated[
    Resubmit, typer.Option("--resubmit", help="Whether a job whose reply was lost is sent again.")
]
_Default = Annotated[bool, typer.Option("--default", help="Make it the default account.")]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the account of that name.")]


def save(
    context: Context,
    names: _NewName = None,
    *,
    token: _Token = None,  # noqa: ARG001 - its callback refuses it
    token_stdin: _TokenStdin = False,
    token_file: _TokenFile = None,
    channel: _Channel = None,
    instance: _Instance = None,
    url: _Url = DEFAULT_URL,
    region: _Region = None,
    plans_preference: _Plans = None,
    tag: _Tags = None,
    private_endpoint: _Private = False,
    proxy: _Proxy = None,
    no_verify: _NoVerify = False,
    resubmit: _Resubmit = Resubmit.NEVER,
    make_default: _Default = False,
    overwrite: _Overwrite = False,
) -> None:
    """Save an account, for qrsession and for qiskit-ibm-runtime.

    The key is asked for, and not shown while it is typed; scripts give --token-stdin or
    --token-file. It is never an argument.

    Examples:
        qrsession account save
        qrsession account save work --token-file apikey.json --region eu-de --default
    """
    chosen = _channel_of(channel)
    account = Account(
        name=_one_name(names) or DEFAULT_NAMES[chosen],
        token="",
        url=url,
        instance=instance,
        channel=chosen,
        verify=not no_verify,
        private_endpoint=private_endpoint,
        proxies={} if proxy is None else {"http": proxy, "https": proxy},
        region=region,
        plans_preference=_distinct(
            word for part in plans_preference or () for word in _split(part)
        ),
        tags=_distinct(tag or ()),
        resubmit=resubmit,
    )
    accounts = context.accounts
    # First all that can be wrong without the key, so that nobody types it in vain.
    accounts.check_new(account, overwrite=overwrite)
    key = keys.read_key(context, stdin=token_stdin, file=token_file)
    saving = accounts.save(
        replace(account, token=key), overwrite=overwrite, make_default=make_default
    )
    _tell(context, saving)
    data = {"account": saving.report.document(), "replaced": not saving.is_new}
    context.show(data, lambda _terminal: "")


def list_accounts(context: Context) -> None:
    """List the accounts: saved, from the environment, and built in.

    The file is ~/.qiskit/qiskit-ibm.json, shared with qiskit-ibm-runtime. Keys are not shown.

    Examples:
        qrsession account list
        qrsession account list --json
    """
    reports = context.accounts.reports()
    context.show(
        {"accounts": [report.document() for report in reports]},
        lambda terminal: accounts_text(reports, terminal),
    )


def show(context: Context, name: _NameOrUsed = None) -> None:
    """Show one account: by default the one in use, and why it is.

    Examples:
        qrsession account show
        qrsession account show local --json
    """
    report = context.accounts.report(name)
    context.show({"account": report.document()}, lambda terminal: account_text(report, terminal))


def use(context: Context, name: _Name) -> None:
    """Make an account the default, here and for qiskit-ibm-runtime.

    Examples:
        qrsession account use work
        qrsession account use default-ibm-quantum-platform --json
    """
    report = context.accounts.use(name)
    context.output.say(f"The default account is {name} now.")
    context.show({"account": report.document()}, lambda _terminal: "")


def delete(
    context: Context,
    name: _Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a saved account, after asking. Its key stays valid at IBM until it is deleted there.

    Examples:
        qrsession account delete work
        qrsession account delete work --yes --json
    """
    accounts = context.accounts
    accounts.check_saved(name)
    if not yes and not asking.has_person(in_ci=context.settings.in_ci):
        raise UsageError(
            f"There is no terminal to ask whether the account {name!r} shall be deleted.",
            advice="Give --yes to delete it without asking.",
        )
    is_wanted = yes or asking.confirm(f"Delete the account {name!r}?")
    if is_wanted:
        accounts.delete(name)
    context.output.say(f"Deleted the account {name}." if is_wanted else "Nothing was deleted.")
    context.show({"name": name, "deleted": is_wanted}, lambda _terminal: "")


COMMANDS = {
    "save": save,
    "list": list_accounts,
    "show": show,
    "check": check,
    "use": use,
    "delete": delete,
}


def _one_name(names: list[str] | None) -> str | None:
    if names and len(names) > 1:
        raise UsageError(
            "An account has one name, and a key is not taken from the command line.",
            advice="Leave the key out to be asked for it, or give --token-stdin or --token-file.",
        )
    return names[0] if names else None


def _channel_of(channel: str | None) -> str:
    """Return the channel that is meant: the one named, the environment's, or the usual one."""
    chosen = channel or os.environ.get(CHANNEL_VARIABLE) or DEFAULT_CHANNEL
    if chosen not in CHANNELS:
        raise InvalidValueError(
            f"{CHANNEL_VARIABLE} is {chosen!r}; it must be {' or '.join(CHANNELS)}."
        )
    return str(chosen)


def _split(words: str) -> list[str]:
    return [word.strip() for word in words.split(",")]


def _distinct(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _tell(context: Context, saving: Saving) -> None:
    report = saving.report
    done = "Saved" if saving.is_new else "Replaced"
    context.output.say(f"{done} the account {report.name} in {context.settings.accounts_file}.")
    if saving.dropped:
        context.output.say(f"No longer set: {', '.join(saving.dropped)}.")
