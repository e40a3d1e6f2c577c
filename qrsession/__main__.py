"""The command ``qrsession``, and ``python -m qrsession``."""

import gc
import os
import sys

# Scripts of shells set it, see `qrsession.cli.answering`.
_COMPLETE_VARIABLE = "_QRSESSION_COMPLETE"


def main() -> None:
    """Run the command line, and end with its exit code."""
    # Nothing that is imported is garbage; looking for some takes a tenth of the start. It is
    # looked for from when the command itself begins.
    gc.disable()
    shell = os.environ.get(_COMPLETE_VARIABLE)
    try:
        if shell:
            from qrsession.cli.answering import main as answer  # noqa: PLC0415 - as below

            code = answer(shell, sys.argv[1:])
        else:
            from qrsession.cli.boundary import run  # noqa: PLC0415 - Ctrl-C counts from here on

            code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
