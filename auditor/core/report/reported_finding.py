"""Gives each finding of a report an id, by which commands and requests name it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from auditor.core.model.findings import Finding

if TYPE_CHECKING:
    from auditor.core.model.finding_identity import Identity

ID_PREFIX = "f-"
ID_LETTERS = 12
"""Letters of an id after its prefix, of 5 bits each. Two of 100,000 findings have the same id once in 2 * 10^8 streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedFinding(Finding):
    """A finding of a report. It is not saved: each report is made from the saved state anew."""

    id: str
    """As `finding_id` returns it."""


_FIELDS = tuple(each.name for each in fields(Finding))


def finding_id(identity: Identity, part: int = 0) -> str:
    """Returns the id of a finding: `ID_PREFIX` and `ID_LETTERS` of the letters a to z and digits 2 to 7.

    The id is the same in every report that has the finding, also after a restart. `identity`: the first identity of the
    finding. `part`: tells findings with one digest apart. It is the last sequence of a range, which so keeps its id while
    messages at its beginning expire, the first version of missing versions, and 0 for other findings.
    """
    digest = hashlib.blake2b(identity.digest + part.to_bytes(8, "big"), digest_size=8).digest()
    return ID_PREFIX + base64.b32encode(digest).decode().lower()[:ID_LETTERS]


def reported(finding: Finding, id_: str) -> ReportedFinding:
    """Returns `finding` with an id."""
    return ReportedFinding(**{name: getattr(finding, name) for name in _FIELDS}, id=id_)
