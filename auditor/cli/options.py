"""Looks up what options name in the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.config import AuditConfig, Config


def select_audits(config: Config, names: Sequence[str]) -> list[AuditConfig]:
    """Returns the audits with these names, or all if no name is given. Raises NotFoundError."""
    known = {audit.name: audit for audit in config.audits}
    for name in names:
        if name not in known:
            raise NotFoundError(f'there is no audit "{name}" in the configuration: it has {", ".join(known)}')
    return [audit for audit in config.audits if not names or audit.name in names]
