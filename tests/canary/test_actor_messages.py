"""The messages of an actor have the form that Aether writes."""

from __future__ import annotations

from auditor.aether import ActorSnapshot, Event, decode_event, decode_snapshot
from auditor.aether.stream_layout import event_subject, snapshot_subject
from auditor.canary.actor_messages import ActorMessages


def test_every_event_and_snapshot_decodes_and_is_on_its_actors_own_subject_of_its_stream() -> None:
    actor = ActorMessages("S", "order.1")
    actor.events(1, 2)
    actor.messages.append(actor.snapshot(2))
    first, second, last = actor.messages
    assert first.subject == second.subject == event_subject("S", "order.1").encode()
    assert last.subject == snapshot_subject("S", "order.1").encode()
    events = [decode_event(message.data) for message in (first, second)]
    assert [(event.actor_id, event.version) for event in events if isinstance(event, Event)] == [
        ("order.1", 1),
        ("order.1", 2),
    ]
    snapshot = decode_snapshot(last.data)
    assert isinstance(snapshot, ActorSnapshot)
    assert (snapshot.actor_id, snapshot.version) == ("order.1", 2)
    assert first.raw == (first.subject, None, first.data)
