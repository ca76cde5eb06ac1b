"""Builds auditor._speedups, the compiled twins of some Python code. pyproject.toml has everything else.

AUDITOR_SPEEDUPS=auto (the default) builds it where a C compiler works, and says so where none does; `require` fails where none
does; `no` does not build it. The package does the same without it, slower: `auditor doctor` says which is in use.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

WANTED = os.environ.get("AUDITOR_SPEEDUPS", "auto")
if WANTED not in ("auto", "no", "require"):
    sys.exit(f"AUDITOR_SPEEDUPS is {WANTED}: give auto, no or require")

SPEEDUPS = Extension(
    "auditor._speedups",
    sources=[str(path) for path in sorted(Path("speedups").glob("*.c"))],
    depends=["speedups/speedups.h"],
    extra_compile_args=["-O2", "-Wall", "-Wextra", *os.environ.get("AUDITOR_SPEEDUPS_CFLAGS", "").split()],
)


class OptionalBuild(build_ext):
    """Goes on without the extension if it cannot be built, unless it is required."""

    def build_extension(self, ext: Any) -> None:
        try:
            super().build_extension(ext)
        except Exception as error:
            if WANTED == "require":
                raise
            Path(self.get_ext_fullpath(ext.name)).unlink(missing_ok=True)  # of an earlier build
            self.extensions.remove(ext)
            print(
                f"warning: auditor._speedups was not built ({error}): aether-auditor works without it, slower."
                " Install a C compiler and Python's headers and install again, or set AUDITOR_SPEEDUPS=require to stop here.",
                file=sys.stderr,
            )


setup(ext_modules=[] if WANTED == "no" else [SPEEDUPS], cmdclass={"build_ext": OptionalBuild})
