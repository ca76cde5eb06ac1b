"""The sample's ordinary part is as Aether would have written it."""

from __future__ import annotations

import random

from auditor.aether import Event, decode_event, event_subject
from auditor.canary.actor_messages import ActorMessages
from auditor.demo.sample import STREAM, healthy_actors, interleave


def test_every_event_of_an_ordinary_actor_decodes_and_is_on_its_own_subject() -> None:
    for story in healthy_actors(random.Random(1)):
        events = [decode_event(message.data) for message in story.messages if b".events." in message.subject]
        assert all(isinstance(event, Event) and event.actor_id == story.actor_id for event in events)
        assert [event.version for event in events] == list(range(1, len(events) + 1))
        assert {m.subject for m in story.messages if b".events." in m.subject} == {
            event_subject(STREAM, story.actor_id).encode()
        }


def test_weaving_keeps_the_order_of_each_actor_and_loses_nothing() -> None:
    stories = [ActorMessages(STREAM, "order-1"), ActorMessages(STREAM, "order-2"), ActorMessages(STREAM, "order-3")]
    for story in stories:
        story.events(*range(1, 20))
    woven = interleave(stories, random.Random(2))
    for story in stories:
        assert [message for message in woven if message.subject == story.messages[0].subject] == story.messages
    assert len(woven) == 3 * 19


def test_the_sample_is_the_same_in_every_run() -> None:
    first, second = (interleave(healthy_actors(chance), chance) for chance in (random.Random(3), random.Random(3)))
    assert first == second
