"""``qrsession backends``: what there is to run on, and saving one of them as a twin."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.errors import UsageError

if TYPE_CHECKING:
    from qrsession.service import RuntimeService

_SNAPSHOT = "snapshot"


def command(
    context: Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME | snapshot NAME]",
            help="One of them in detail; or one to save as a twin.",
            callback=options.not_empty,
        ),
    ] = None,
    *,
    min_qubits: Annotated[
        int | None,
        typer.Option("--min-qubits", metavar="N", min=1, help="Those that are so wide."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Where a snapshot goes; by default to the twins."),
    ] = None,
    account: options.Account = None,
    instance: options.Instance = None,
    local: options.Local = False,
) -> None:
    """List the backends of the account: width, kind, status, queue and errors.

    With a NAME, show one in detail. `backends snapshot NAME` saves its configuration and its
    properties, from which the local runtime serves a twin of it.

    Examples:
        qrsession backends --local
        qrsession backends --local aer_simulator --json
    """
    name, is_snapshot = _parse(words or [])
    if to is not None and not is_snapshot:
        raise UsageError("--to says where `backends snapshot NAME` goes.")
    if min_qubits is not None and name is not None:
        raise UsageError("--min-qubits is for the list, and one backend is named.")
    service = context.workspace.service(options.account_of(account, local=local), instance)
    if name is None:
        _list(context, service, min_qubits or 1)
    elif is_snapshot:
        _save(context, service, name, to)
    else:
        _show(context, service, name)


def _parse(words: list[str]) -> tuple[str | None, bool]:
    """Return the backend that is named, if any, and whether it is to be saved."""
    is_snapshot = words[:1] == [_SNAPSHOT]
    names = words[1:] if is_snapshot else words
    if len(names) > 1 or (is_snapshot and not names):
        raise UsageError(
            "Name one backend: `qrsession backends NAME`, or `qrsession backends snapshot NAME`."
        )
    return (names[0] if names else None), is_snapshot


def _list(context: Context, service: "RuntimeService", min_qubits: int) -> None:
    # Imported here, and below, because the help of this command needs none of it.
    from qrsession.accounts.instances import names_of  # noqa: PLC0415
    from qrsession.render.devices import backends_text  # noqa: PLC0415
    from qrsession.verbs.devices import wide_enough  # noqa: PLC0415

    found = service.backends()
    backends = found if min_qubits == 1 else wide_enough(found, min_qubits)
    place = service.choose_instance()
    if place.instance is not None:
        context.output.say(f"Backends of {place}.")
    if others := service.other_instances():
        context.output.say(f"The key also sees {names_of(others)}: add --instance NAME.")
    context.show(
        {"backends": [asdict(backend) for backend in backends], "instance": place.crn},
        lambda terminal: backends_text(backends, terminal),
    )


def _show(context: Context, service: "RuntimeService", name: str) -> None:
    from qrsession.accounts.placement import Wants  # noqa: PLC0415
    from qrsession.render.devices import backend_text  # noqa: PLC0415
    from qrsession.verbs.devices import DeviceOverview  # noqa: PLC0415

    place = service.choose_instance(Wants(name))
    backend = service.backend_summary(name)
    documents = service.fetch_documents(name)
    overview = DeviceOverview.from_json(documents.configuration, documents.properties)
    words = str(place).removeprefix("the instance ") if place.instance else ""
    context.show(
        {
            "backends": [asdict(backend)],
            "backend": {**asdict(backend), **overview.document()},
            "instance": place.crn,
        },
        lambda terminal: backend_text(backend, overview, words, terminal),
    )


def _save(context: Context, service: "RuntimeService", name: str, to: Path | None) -> None:
    from qrsession.verbs.snapshots import save_snapshot  # noqa: PLC0415 - seldom done

    snapshot = save_snapshot(service, name, to)
    context.output.say(f"Saved {name}, {snapshot.size_bytes // 1024} KiB.")
    document = {**asdict(snapshot), "folder": str(snapshot.folder)}
    context.show({"snapshot": document}, lambda _terminal: str(snapshot.folder))
