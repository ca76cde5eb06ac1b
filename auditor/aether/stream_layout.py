"""Builds the subjects of a stream's events and snapshots, and reads the actor from them.

An actor key is the part that the subjects of an actor have in common: its type and its id, as one token each.
"""

from __future__ import annotations

from dataclasses import dataclass

from auditor.aether.subjects import actor_key, unreachable_reason


def prefix_of_event(subject: bytes) -> str | None:
    """Return the prefix of the stream to whose layout the subject of an event belongs; None if it is no such subject."""
    prefix, events, _ = subject.partition(b".events.")
    return prefix.decode(errors="replace") if events else None


@dataclass(frozen=True, slots=True)
class StreamLayout:
    """Builds and parses the subjects of one stream. No other class spells the prefixes of these subjects."""

    prefix: str
    """The first tokens of every subject. Aether uses the name of the stream."""

    @property
    def events_prefix(self) -> str:
        """The prefix of the subjects of all events, including the last dot."""
        return f"{self.prefix}.events."

    @property
    def snapshots_prefix(self) -> str:
        """The prefix of the subjects of all snapshots, including the last dot."""
        return f"{self.prefix}.snapshots."

    @property
    def all_events(self) -> str:
        """The filter that matches the subjects of all events."""
        return f"{self.events_prefix}>"

    @property
    def all_snapshots(self) -> str:
        """The filter that matches the subjects of all snapshots."""
        return f"{self.snapshots_prefix}>"

    @property
    def subjects(self) -> tuple[str, str]:
        """The filters for which the stream must store messages: all events, all snapshots."""
        return self.all_events, self.all_snapshots

    def event_subject(self, actor_id: str) -> str:
        """Return the subject of the actor's events."""
        return f"{self.events_prefix}{actor_key(actor_id)}"

    def snapshot_subject(self, actor_id: str) -> str:
        """Return the subject of the actor's snapshots."""
        return f"{self.snapshots_prefix}{actor_key(actor_id)}"

    def snapshot_filter(self, event_filter: str) -> str:
        """Return the filter for the snapshots of the actors whose events `event_filter` matches."""
        return f"{self.snapshots_prefix}{event_filter.removeprefix(self.events_prefix)}"

    def actor_key(self, subject: bytes) -> bytes | None:
        """Return the actor key in `subject`; None if `subject` is neither one of events nor one of snapshots."""
        for prefix in (self.events_prefix.encode(), self.snapshots_prefix.encode()):
            if subject.startswith(prefix):
                return subject[len(prefix) :]
        return None


def event_subject(stream: str, actor_id: str) -> str:
    """Return the subject on which Aether stores the actor's events."""
    return StreamLayout(stream).event_subject(actor_id)


def snapshot_subject(stream: str, actor_id: str) -> str:
    """Return the subject on which Aether stores the actor's snapshots."""
    return StreamLayout(stream).snapshot_subject(actor_id)


def actor_id_of(key: bytes) -> str | None:
    """Return the actor id in the actor key; None if no actor id leads to that key."""
    return None if unreachable_reason(key) else key.rpartition(b".")[2].decode()


def actor_type_of(key: bytes) -> str:
    r"""Return the actor type in the actor key. Bytes that are not UTF-8 become \xNN."""
    return key.partition(b".")[0].decode("utf-8", "backslashreplace")
