"""The configuration derives the subjects of snapshots, and is frozen."""

from __future__ import annotations

from datetime import UTC, datetime

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


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("every: 90s", ["12:01:30", "12:03:00"]), ('cron: "*/5 * * * *"', ["12:05:00", "12:10:00"])],
)
def test_the_next_runs_follow_the_interval_or_the_cron_line(schedule: str, expected: list[str]) -> None:
    config = parse(f"audits: [{{name: a, stream: S, schedule: {{{schedule}, jitter: 30s}}}}]", "f", {})
    runs = config.audits[0].schedule.next_runs(datetime(2026, 12, 1, 12, tzinfo=UTC), 2)
    assert [f"{run:%H:%M:%S}" for run in runs] == expected


def test_a_section_without_an_api_uses_that_of_nats_and_an_empty_domain_is_the_nearest_one() -> None:
    text = """
        nats: {jetstream_domain: hub}
        audits:
          - {name: a, stream: ORDERS}
          - {name: b, stream: ORDERS, jetstream_api_prefix: JS.A.API}
        state: {jetstream_domain: ""}
    """
    config = parse(text, "f.yaml", {})
    assert [config.api_prefix(audit) for audit in config.audits] == ["$JS.hub.API", "JS.A.API"]
    assert (config.api_prefix(config.quarantine), config.api_prefix(config.state)) == ("$JS.hub.API", "$JS.API")


def test_the_subjects_of_an_audit_begin_with_its_subject_prefix() -> None:
    config = parse("audits: [{name: a, stream: MIRROR, subject_prefix: shop.eu, actors: [order-1]}]", "f.yaml", {})
    (audit,) = config.audits
    assert audit.all_subjects == ("shop.eu.events.order.order-1", "shop.eu.snapshots.order.order-1")
