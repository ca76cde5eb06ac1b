"""The command line: verbs, tables and exit codes. Results go to stdout, messages for people to stderr.

Nothing that judges, reads or writes a stream belongs here.
"""

from auditor.cli.entry import main

__all__ = ["main"]
