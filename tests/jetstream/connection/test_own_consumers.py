"""Consumers that are not used any more are known until they have expired."""

from __future__ import annotations

from auditor.jetstream.connection.own_consumers import EXPIRY_SECONDS, OwnConsumers


def test_an_unused_consumer_is_known_until_it_has_expired():
    own = OwnConsumers()
    own.add("S", "a", 100.0)
    own.add("S", "b", 101.0)
    own.add("T", "c", 101.0)
    assert own.names("S", 102.0) == ["a", "b"]
    assert own.names("S", 100.0 + EXPIRY_SECONDS) == ["b"]
    assert own.names("S", 101.0 + EXPIRY_SECONDS) == []


def test_a_deleted_consumer_is_forgotten():
    own = OwnConsumers()
    own.add("S", "a", 100.0)
    own.remove("S", "a")
    own.remove("S", "never added")
    assert own.names("S", 100.0) == []


def test_the_time_to_the_next_expiry_is_that_of_the_oldest_consumer_of_the_stream():
    own = OwnConsumers()
    assert own.seconds_to_expiry("S", 100.0) == 0
    own.add("T", "c", 99.0)
    own.add("S", "a", 100.0)
    own.add("S", "b", 101.0)
    assert own.seconds_to_expiry("S", 102.0) == EXPIRY_SECONDS - 2
