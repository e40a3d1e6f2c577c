"""``qrsession backends``: what there is to run on."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.errors import BackendNotFoundError
from qrsession.protocol.models import BackendSummary
from qrsession.render.tables import Cell, Column, table_text
from qrsession.render.terminal import Style, Terminal

_COLUMNS = (
    Column("BACKEND"),
    Column("QUBITS", is_quantity=True),
    Column("KIND"),
    Column("STATUS"),
    Column("QUEUE", is_quantity=True),
)
_STATUS_STYLES = {"online": Style.GOOD, "paused": Style.WARNING, "offline": Style.BAD}


def command(
    context: Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of them.")] = None,
    *,
    account: options.Account = None,
    local: options.Local = False,
) -> None:
    """List the backends of the account: width, kind, status, and jobs in the queue.

    Examples:
        qrsession backends --local
        qrsession backends --local aer_simulator --json
    """
    service = context.workspace.service(options.account_of(account, local=local))
    backends = _named(service.backends(), name)
    context.show(
        {"backends": [_document(backend) for backend in backends]},
        lambda terminal: _text(backends, terminal),
    )


def _named(backends: tuple[BackendSummary, ...], name: str | None) -> tuple[BackendSummary, ...]:
    if name is None:
        return backends
    found = tuple(backend for backend in backends if backend.name == name)
    if not found:
        known = ", ".join(backend.name for backend in backends) or "none"
        raise BackendNotFoundError(
            f"The account has no backend {name!r}; it has {known}.", details={"backend": name}
        )
    return found


def _document(backend: BackendSummary) -> dict[str, Any]:
    return asdict(backend)


def _text(backends: tuple[BackendSummary, ...], terminal: Terminal) -> str:
    rows = [
        (
            Cell(backend.name, Style.STRONG),
            "" if backend.num_qubits is None else str(backend.num_qubits),
            "simulator" if backend.is_simulator else backend.processor or "QPU",
            Cell(backend.status, _STATUS_STYLES.get(backend.status, Style.PLAIN)),
            str(backend.queue_length),
        )
        for backend in backends
    ]
    return table_text(_COLUMNS, rows, terminal)
