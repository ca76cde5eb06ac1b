"""Runs a command, prints each error as one line and returns the exit code."""

from __future__ import annotations

import os
import sys

import typer

from auditor.cli.commands import app
from auditor.cli.exit_codes import ExitCode
from auditor.cli.standard_output import replace_standard_output
from auditor.errors import AuditorError, ConfigError
from auditor.safe_text import escape_unsafe


def main() -> None:
    """Run the command in sys.argv and exit with its code, or with 1 if its result could not be written."""
    output = replace_standard_output()
    code = run()
    if output is not None:
        sys.stdout.flush()
        if output.failure is not None:
            print_error(f"stdout: the result could not be written: {output.failure}")
            code = ExitCode.COULD_NOT_RUN
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Run the command in `arguments` and return its exit code: 1 for every error, usage errors included."""
    try:
        code = app(arguments, prog_name="auditor", standalone_mode=False)
    except ConfigError as error:
        print_error(*(f"{error.source}: {problem}" for problem in error.problems))
    except AuditorError as error:
        print_error(str(error))
    except typer.TyperException as error:
        context: typer.Context | None = getattr(error, "ctx", None)
        command = context.command_path if context else "auditor"
        print_error(f"{error.format_message().rstrip('.')} (see {command} --help)")
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INCONCLUSIVE
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
