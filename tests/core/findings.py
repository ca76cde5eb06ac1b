"""Findings for tests, with a value in each field that their kind requires."""

from __future__ import annotations

from typing import Any

from auditor.core.model.findings import Cause, Finding, Kind, spec
from auditor.core.state.acceptance import Acceptance, AcceptanceRule

VALUES: dict[str, Any] = {
    "reason": "syntax",
    "cause": Cause.UNKNOWN,
    "subject": "S.events.order.order-1",
    "actor": "order-1",
    "ids": ("order-a.b", "order-a_b"),
    "noticed_at": "2026-01-01 00:00:00 UTC",
    "quarantine": "aether.quarantine.S.0.1.0123456789ab",
    "replica": "n1",
    "leader": False,
    "undecided": False,
    "ranges": ((1, 1),),
}
"""By field; a field without an entry is a number."""


def finding_of(kind: Kind, **fields: Any) -> Finding:
    """A finding of `kind` with these fields, and any value in the others that the kind requires."""
    row = spec(kind)
    required = {name: VALUES.get(name, 1) for name in row.fields}
    return Finding(**{"kind": kind, "severity": row.severity(), **required, **fields})


def acceptance_by_rule(kind: Kind, up_to_seq: int, *, accepted_ns: int = 0, created_ns: int = 0) -> Acceptance:
    """An acceptance as earlier versions saved it, by sequence or time."""
    rule = AcceptanceRule(up_to_seq=up_to_seq, noticed_by_ns=accepted_ns, created_ns=created_ns)
    return Acceptance(kind=kind, up_to_seq=up_to_seq, reason="known", accepted_ns=accepted_ns, rule=rule)
