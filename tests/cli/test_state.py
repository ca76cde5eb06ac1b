"""The age of saved state as text."""

from __future__ import annotations

import pytest

from auditor.cli.state import state_lines
from auditor.operations.saved_state import SavedState
from auditor.units import NANOSECONDS

NOW = 1_800_000_000 * NANOSECONDS


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (-3600, "in the future, while the clock was ahead"),
    ],
)
def test_the_line_of_an_audit_says_how_long_ago_its_state_was_saved(seconds: int, text: str) -> None:
    saved = SavedState(NOW - seconds * NANOSECONDS, "1.2.3", 99, {})
    (line,) = state_lines("orders", saved, NOW)
    assert line.startswith(f"orders: saved {text} (20")
    assert line.endswith(" UTC) by auditor 1.2.3, 99 bytes")
