"""Everything that talks to NATS: the connection, reading, the event store, and the auditor's own streams.

Event bodies are decoded only in `eventstore`. Messages are judged in `auditor/core`.
"""

from auditor.jetstream.eventstore.store import JetStreamEventStore

__all__ = ["JetStreamEventStore"]
