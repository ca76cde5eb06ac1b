"""The configuration derives the subjects of snapshots, and is frozen."""

from __future__ import annotations

import pydantic
import pytest

from auditor.config import parse


def test_snapshots_are_read_for_the_same_actor_keys() -> None:
    text = 'audits: [{name: a, stream: S, subjects: ["S.events.order.*", "S.events.cart.>"]}]'
    assert parse(text, "f", {}).audits[0].snapshot_subjects == ("S.snapshots.order.*", "S.snapshots.cart.>")
    assert parse(text.replace("name", "snapshots: false, name"), "f", {}).audits[0].snapshot_subjects == ()


def test_a_configuration_cannot_be_changed() -> None:
    config = parse("audits: [{name: a, stream: S}]", "f", {})
    with pytest.raises(pydantic.ValidationError):
        config.audits[0].stream = "T"
