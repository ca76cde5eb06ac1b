"""Parses arguments, calls an operation, prints the result and chooses the exit code.

Results go to stdout, messages for people to stderr. What a command does belongs in operations.
"""

from auditor.cli.entry import main

__all__ = ["main"]
