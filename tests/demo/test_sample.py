"""The healthy actors of the sample have the form that Aether writes."""

from __future__ import annotations

import random

from auditor.aether import Event, decode_event, event_subject
from auditor.canary.actor_messages import ActorMessages
from auditor.demo.sample import STREAM, healthy_actors, interleave


def test_every_event_of_a_healthy_actor_decodes_and_is_on_its_own_subject() -> None:
    for actor in healthy_actors(random.Random(1)):
        events = [decode_event(message.data) for message in actor.messages if b".events." in message.subject]
        assert all(isinstance(event, Event) and event.actor_id == actor.actor_id for event in events)
        assert [event.version for event in events] == list(range(1, len(events) + 1))
        assert {m.subject for m in actor.messages if b".events." in m.subject} == {
            event_subject(STREAM, actor.actor_id).encode()
        }


def test_interleaving_keeps_the_order_of_each_actor_and_loses_nothing() -> None:
    actors = [ActorMessages(STREAM, "order-1"), ActorMessages(STREAM, "order-2"), ActorMessages(STREAM, "order-3")]
    for actor in actors:
        actor.events(*range(1, 20))
    interleaved = interleave(actors, random.Random(2))
    for actor in actors:
        assert [message for message in interleaved if message.subject == actor.messages[0].subject] == actor.messages
    assert len(interleaved) == 3 * 19


def test_the_sample_is_the_same_in_every_run() -> None:
    first, second = (interleave(healthy_actors(chance), chance) for chance in (random.Random(3), random.Random(3)))
    assert first == second
