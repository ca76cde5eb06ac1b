"""Runs a command, prints each error as one line and returns the exit code."""

from __future__ import annotations

import os
import sys

import typer

from auditor.cli.commands import app
from auditor.cli.exit_codes import ExitCode
from auditor.errors import AuditorError, ConfigError
from auditor.safe_text import escape_unsafe


def main() -> None:
    """Run the command in sys.argv and exit with its code."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run the command in `arguments` and return its exit code: 1 for every error, usage errors included."""
    try:
        code = app(arguments, standalone_mode=False)
    except ConfigError as error:
        print_error(*(f"{error.source}: {problem}" for problem in error.problems))
    except AuditorError as error:
        print_error(str(error))
    except typer.TyperException as error:
        print_error(f"{error.format_message()} (see auditor --help)")
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INCONCLUSIVE
    except BrokenPipeError:
        # The reader of stdout has closed the pipe; what is buffered must not be flushed into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if os.environ.get("AUDITOR_DEBUG"):
            raise
        print_error(
            f"internal error ({type(error).__name__}): please report it; with AUDITOR_DEBUG=1 the traceback is shown"
        )
    else:
        return int(code or 0)
    return ExitCode.COULD_NOT_RUN


def print_error(*lines: str) -> None:
    """Print each line to stderr, with control characters made visible."""
    for line in lines:
        print(f"auditor: {escape_unsafe(line)}", file=sys.stderr)  # noqa: T201 - this is the command line
