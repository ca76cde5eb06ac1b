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
from auditor.speedups import compiled, why_not

INTERRUPTED_IN_TYPER = 130
"""What typer returns in place of the result if a command raises KeyboardInterrupt."""


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
    if problem := _speedups_problem(os.environ.get("AUDITOR_SPEEDUPS", "auto")):
        print_error(problem)
        return ExitCode.COULD_NOT_RUN
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
        return ExitCode.INCONCLUSIVE if code == INTERRUPTED_IN_TYPER else int(code or 0)
    return ExitCode.COULD_NOT_RUN


def _speedups_problem(wanted: str) -> str | None:
    if wanted not in ("auto", "no", "require"):
        return f"environment: AUDITOR_SPEEDUPS is {wanted}: give auto, no or require"
    if wanted == "require" and compiled is None:
        return f"environment: AUDITOR_SPEEDUPS is require, and the compiled speedups are not in use ({why_not}): install aether-auditor again with a C compiler"
    return None


def print_error(*lines: str) -> None:
    """Print each line to stderr, with control characters made visible."""
    for line in lines:
        print(f"auditor: {escape_unsafe(line)}", file=sys.stderr)  # noqa: T201 - this is the command line
