"""Builds the actor key from an actor id, and says which stored keys Aether never reads.

An actor key is the end of the subjects of an actor: its type and its id, as one token each.
"""

from __future__ import annotations

from typing import Literal

_SANITIZED = str.maketrans(" .*>", "____")
_NOT_ALLOWED_IN_SUBJECTS = frozenset("\t\r\n")
_DEL = "\x7f"
_REPLACED_BY_SANITIZING = frozenset(" *>")


def extract_actor_type(actor_id: str) -> str:
    """Return the part before the first "-" that is not the first character; "unknown" if there is none."""
    dash = actor_id.find("-", 1)
    return actor_id[:dash] if dash > 0 else "unknown"


def sanitize_subject(text: str) -> str:
    """Make one token of `text`: replace " ", ".", "*" and ">" by "_", and nothing else."""
    return text.translate(_SANITIZED)


def actor_key(actor_id: str) -> str:
    """Return the actor's type and id as the two tokens that end its subjects."""
    return f"{sanitize_subject(extract_actor_type(actor_id))}.{sanitize_subject(actor_id)}"


def unreadable_id_reason(actor_id: str) -> str | None:
    """Return in a few words why no server can store a message of this actor; None if one can."""
    if not actor_id:
        return "it is empty"
    if not _NOT_ALLOWED_IN_SUBJECTS.isdisjoint(actor_id):
        return "it has a tab or a line end"
    try:
        actor_id.encode()
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    return None


def unstorable_id_reason(actor_id: str) -> str | None:
    """Return in a few words why replay cannot find what is stored for this actor; None if it can."""
    if _DEL in actor_id:
        return "it has a DEL (0x7f), and JetStream stores such a subject but does not find it again"
    return unreadable_id_reason(actor_id)


def unreachable_reason(key: bytes) -> Literal["encoding", "wildcard", "tokens"] | None:
    """Return why no actor id leads to `key`; None if one does.

    The result is the first of these that applies. `encoding`: the key is not UTF-8. `wildcard`: it has a " ", "*" or ">",
    which sanitizing replaces. `tokens`: it is not two tokens of which the first is the actor type of the second.
    """
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return "encoding"
    if not _REPLACED_BY_SANITIZING.isdisjoint(text):
        return "wildcard"
    actor_type, _, actor_id = text.partition(".")
    if not actor_id or "." in actor_id or actor_type != extract_actor_type(actor_id):
        return "tokens"
    return None
