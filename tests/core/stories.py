"""Good and bad messages, for tests."""

from __future__ import annotations

from hypothesis import strategies as st

from auditor.core.model.message import StoredMessage

STREAM = "S"


def event(actor: str, version: int | None, note: str = "") -> bytes:
    given = "" if version is None else f'"version":{version},'
    return f'{{"id":"{actor}/{version}","actorId":"{actor}",{given}"data":{{"note":"{note}"}}}}'.encode()


def snapshot(actor: str, version: int) -> bytes:
    return f'{{"actorId":"{actor}","version":{version},"state":{{}}}}'.encode()


def message(seq: int, subject: str | bytes, data: bytes) -> StoredMessage:
    return StoredMessage(seq, seq, subject if isinstance(subject, bytes) else subject.encode(), None, data)


ACTORS = ("order-1", "order-2", "cart-1", "a_b", "unknown")


def subjects(actor: str) -> tuple[str, str]:
    kind = actor.partition("-")[0] if "-" in actor else "unknown"
    return f"S.events.{kind}.{actor}", f"S.snapshots.{kind}.{actor}"


@st.composite
def stored(draw: st.DrawFn) -> tuple[str | bytes, bytes]:
    """One message of one of few actors. Most are good."""
    actor = draw(st.sampled_from(ACTORS))
    events, snapshots = subjects(actor)
    version = draw(st.integers(1, 6))
    return draw(
        st.sampled_from(
            [
                *[(events, event(actor, version))] * 8,
                (events, event(actor, version, "again")),
                (events, event(actor, version)[:-1]),
                (events, b""),
                (events, event(actor, None)),
                (events, event(actor, 0)),
                (events, event("order-3", version)),
                (events, event("a.b", version)),
                (snapshots, snapshot(actor, version)),
                (snapshots, snapshot("order-3", version)),
                (snapshots, b"null,"),
                (b"S.events.order.\xff", event(actor, version)),
                ("S.events.order.*", event(actor, version)),
                ("S.events.x.y.z", event(actor, version)),
                ("S.snapshots.x.y.z", snapshot(actor, version)),
                ("S.other", b""),
                ("T.events.order.order-1", b""),
            ]
        )
    )


streams = st.lists(stored(), max_size=40)
