"""`auditor`: calls a verb and turns whatever happens into one clear line and the exit code of the contract."""

from __future__ import annotations

import os
import sys

import typer

from auditor.cli.commands import app
from auditor.core.report.pass_report import ExitCode
from auditor.errors import AuditorError, ConfigError
from auditor.safe_text import escape_unsafe


def main() -> None:
    """Run the verb in sys.argv and exit."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """The exit code of the verb in `arguments`; a usage error is 1, as everything that could not run."""
    try:
        code = app(arguments, standalone_mode=False)
    except ConfigError as error:
        say(*(f"{error.source}: {problem}" for problem in error.problems))
    except AuditorError as error:
        say(str(error))
    except typer.TyperException as error:
        say(f"{error.format_message()} (see auditor --help)")
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INCONCLUSIVE
    except BrokenPipeError:
        # Whoever read stdout has seen enough; nothing may be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if os.environ.get("AUDITOR_DEBUG"):
            raise
        say(f"internal error ({type(error).__name__}): please report it; with AUDITOR_DEBUG=1 the traceback is shown")
    else:
        return int(code or 0)
    return ExitCode.COULD_NOT_RUN


def say(*lines: str) -> None:
    """Tell a person, one line each."""
    for line in lines:
        print(f"auditor: {escape_unsafe(line)}", file=sys.stderr)  # noqa: T201 - this is the command line
