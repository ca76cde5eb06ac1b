"""The only door to NATS: the hardened client, the ordered walk, the event store, the quarantine.

Nothing that judges a message belongs here.
"""

from auditor.jetstream.eventstore.store import JetStreamEventStore

__all__ = ["JetStreamEventStore"]
