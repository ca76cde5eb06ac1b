"""Which actors the end of the head would break."""

from __future__ import annotations

import pytest

from auditor.core.model.findings import Finding, Kind, Severity
from auditor.core.state.expiry import unbridged
from auditor.core.state.ledger import Ledger

BAD = Finding(kind=Kind.MALFORMED_SNAPSHOT, severity=Severity.CORRUPTION)


@pytest.mark.parametrize(
    ("events", "snapshot", "broken"),
    [
        ((1, 9), None, 1),
        ((1, 9), (7, None), 0),
        ((1, 9), (7, BAD), 1),
        ((1, 9), (4, None), 1),  # goes with the head
        ((5, 9), None, 0),  # loses nothing
        ((1, 4), None, 0),  # goes as a whole
        ((1, 5), None, 1),
    ],
)
def test_an_actor_needs_a_good_snapshot_that_stays_if_it_loses_some_events_and_keeps_others(events, snapshot, broken):
    ledger = Ledger()
    for version, seq in enumerate(events, 1):
        ledger.event(b"order.order-1", "order-1", version, seq)
    if snapshot is not None:
        ledger.snapshot(b"order.order-1", 1, *snapshot)
    assert unbridged(ledger, kept_from=5) == broken
