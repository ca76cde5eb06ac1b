"""How Aether names an actor in its subjects, and which stored subjects it can never ask for.

An actor's *key* is what its subjects end with, the same for events and snapshots: its type and its id, a token each.
"""

from __future__ import annotations

from typing import Literal

_SANITIZED = str.maketrans(" .*>", "____")
_BREAKS_A_SUBJECT = frozenset("\t\r\n")
_DEL = "\x7f"
_NEVER_SANITIZED = frozenset(" *>")


def extract_actor_type(actor_id: str) -> str:
    """What stands before the first "-" that does not begin the id; "unknown" if there is none."""
    dash = actor_id.find("-", 1)
    return actor_id[:dash] if dash > 0 else "unknown"


def sanitize_subject(text: str) -> str:
    """`text` as one token of a subject: " ", ".", "*" and ">" become "_", and nothing else changes."""
    return text.translate(_SANITIZED)


def actor_key(actor_id: str) -> str:
    """The actor's type and id as they stand in both of its subjects."""
    return f"{sanitize_subject(extract_actor_type(actor_id))}.{sanitize_subject(actor_id)}"


def unreadable_id_reason(actor_id: str) -> str | None:
    """Why no server could ever hold a message of this actor, in a few words; None if one could."""
    if not actor_id:
        return "it is empty"
    if not _BREAKS_A_SUBJECT.isdisjoint(actor_id):
        return "it has a tab or a line end"
    try:
        actor_id.encode()
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    return None


def unstorable_id_reason(actor_id: str) -> str | None:
    """Why nothing can be stored for this actor so that replay finds it again, in a few words; None if it can."""
    if _DEL in actor_id:
        return "it has a DEL (0x7f), and JetStream stores such a subject but does not find it again"
    return unreadable_id_reason(actor_id)


def unreachable_reason(key: bytes) -> Literal["encoding", "wildcard", "tokens"] | None:
    """Why no actor id leads to `key`, or None if one does.

    The first that applies of: `encoding`, it is not UTF-8; `wildcard`, it holds a " ", "*" or ">", which sanitizing
    replaces; `tokens`, it is not two tokens of which the first is the actor type of the second.
    """
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return "encoding"
    if not _NEVER_SANITIZED.isdisjoint(text):
        return "wildcard"
    actor_type, _, actor_id = text.partition(".")
    if not actor_id or "." in actor_id or actor_type != extract_actor_type(actor_id):
        return "tokens"
    return None
