# SPDX-License-Identifier: Apache-2.0
"""The `xnorc` command: one file a subcommand, found by place.py, each importing what it needs only when it runs.

Exit codes: 0 done; 1 the answer is no (a bit differs, a tool is missing, an accuracy was not reached); 2 the command
could not be carried out, one line on standard error says where, what and what to do; 3 xnorc itself is wrong, one line
says so; 130 interrupted.
"""

from __future__ import annotations

import os
import sys

import typer

from xnorc.cli.place import commands
from xnorc.errors import XnorcError

UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # typer carries a click of its own and does not name this

app = typer.Typer(
    name="xnorc",
    help="Binary neural networks from PyTorch to Cortex-M microcontrollers, bit for bit.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from xnorc import __version__

        typer.echo(f"xnorc {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Binary neural networks from PyTorch to Cortex-M microcontrollers, bit for bit."""
    if debug:
        os.environ["XNORC_DEBUG"] = "1"


for _command in commands():
    app.command(_command.name, rich_help_panel=_command.place.group.value)(_command.function)


def misused(error: Exception) -> int:
    """Say in one line what was wrong with the words typed (or show the help where there were none); the exit code."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()  # type: ignore[attr-defined]
        return 2
    context = error.ctx  # type: ignore[attr-defined]
    command = context.info_name if context is not None and context.parent is not None else ""
    words = " ".join(error.format_message().split())  # type: ignore[attr-defined]
    way = " ".join(("xnorc", *([command] if command else []), "--help"))
    sys.stderr.write(f"xnorc: {command + ': ' if command else ''}{words.rstrip('.')} (see {way})\n")
    return 2


def main() -> None:
    """The entry point: an XnorcError becomes one line and exit code 2."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except UsageError as error:
        sys.exit(misused(error))
    except typer.Abort:
        sys.exit(130)
    except XnorcError as error:
        if os.environ.get("XNORC_DEBUG"):
            raise
        sys.stderr.write(f"xnorc: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("xnorc: interrupted\n")
        sys.exit(130)
    except BrokenPipeError:  # `xnorc boards | head`: the reader left, nothing went wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:  # the last net: a traceback is no answer
        if os.environ.get("XNORC_DEBUG"):
            raise
        from xnorc.faults import as_fault

        told = as_fault(error)
        sys.stderr.write(f"xnorc: {told}{'; --debug shows where' if told.exit_code == 3 else ''}\n")
        sys.exit(told.exit_code)
