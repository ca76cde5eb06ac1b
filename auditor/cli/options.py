"""Finds the configuration file, and looks up what options name in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.config import AuditConfig, Config

SEARCHED = (Path("auditor.yaml"), Path("/etc/auditor/auditor.yaml"))
"""Where the configuration file is if neither an option nor a variable names it, the preferred place first."""
WHERE = "AUDITOR_CONFIG, ./auditor.yaml, /etc/auditor/auditor.yaml"
"""The places in which a command looks for the configuration file, in their order."""


def find_config(environ: Mapping[str, str] = os.environ) -> Path:
    """Returns the configuration file that no option names. Raises NotFoundError."""
    if environ.get("AUDITOR_CONFIG"):
        return Path(environ["AUDITOR_CONFIG"])
    for path in SEARCHED:
        if path.is_file():
            return path
    raise NotFoundError(f"there is no configuration file: give --config F, or one of {WHERE}")


def select_audits(config: Config, names: Sequence[str]) -> list[AuditConfig]:
    """Returns the audits with these names, or all if no name is given. Raises NotFoundError."""
    known = {audit.name: audit for audit in config.audits}
    for name in names:
        if name not in known:
            raise NotFoundError(f'there is no audit "{name}" in the configuration: it has {", ".join(known)}')
    return [audit for audit in config.audits if not names or audit.name in names]
