"""Parses arguments, calls an operation, prints the result and chooses the exit code.

Results go to stdout, messages for people to stderr. What a command does belongs in operations.
"""

import sys

__all__ = ["main"]

INTERRUPTED = 3
"""`ExitCode.INCONCLUSIVE`, which is not imported yet."""


def main() -> None:
    """Run the command in sys.argv and exit with its code. An interrupt during the imports, which take a while, is no traceback."""
    try:
        from auditor.cli.entry import main as run_command
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run_command()
