"""``qrsession completion``: the scripts by which shells complete our commands."""

from typing import Annotated

import typer

from qrsession.cli.context import Context
from qrsession.cli.shells import SCRIPTS, Shell


def command(
    context: Context,
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print the script by which a shell completes commands, options, sessions, jobs and backends.

    The names come from this machine: no service is asked. Have your shell read the script each time
    it starts: in ~/.bashrc `source <(qrsession completion bash)`, in ~/.zshrc after compinit
    `source <(qrsession completion zsh)`, in ~/.config/fish/config.fish
    `qrsession completion fish | source`.

    Examples:
        source <(qrsession completion bash)
        qrsession completion zsh > _qrsession
    """
    context.output.data(SCRIPTS[shell])
