"""Reads the corpus: stored bodies, and the answer of a real Go program to each of them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.aether import (
    EncodeError,
    Malformed,
    decode_event,
    decode_snapshot,
    encode_event,
    encode_snapshot,
    judge_event,
    judge_snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = Path(__file__).with_name("go-json-vectors.jsonl.gz")
DECODE = {"event": decode_event, "snapshot": decode_snapshot}
JUDGE = {"event": judge_event, "snapshot": judge_snapshot}
ENCODE = {"event": encode_event, "snapshot": encode_snapshot}


def read_vectors() -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield every vector with its body."""
    with gzip.open(VECTORS, "rt", encoding="utf-8") as lines:
        for line in lines:
            vector = json.loads(line)
            yield vector, _body(vector)


def _body(vector: dict[str, Any]) -> bytes:
    if vector["b64"] is not None:
        return base64.b64decode(vector["b64"])
    body = b"".join(base64.b64decode(chunk) * times for chunk, times in vector["recipe"])
    assert len(body) == vector["len"]
    assert hashlib.sha256(body).hexdigest() == vector["sha256"]
    return body


def disagreement(kind: str, body: bytes, answer: dict[str, Any]) -> str | None:
    """Return how our decoders differ from Go's `answer` on `body`; None if they do not."""
    decoded = DECODE[kind](body)
    judged = JUDGE[kind](body)
    if isinstance(decoded, Malformed):
        if answer["ok"]:
            return f"Go accepts, we find {decoded}"
        return None if judged == decoded else f"judged {judged}, decoded {decoded}"
    if not answer["ok"]:
        return f"Go says {answer['error']}, we accept"
    if isinstance(judged, Malformed) or (judged.actor_id, judged.version) != (decoded.actor_id, decoded.version):
        return f"judged {judged}, decoded an actor {decoded.actor_id!r} at version {decoded.version}"
    timestamp = decoded.timestamp
    moment = [timestamp.unix_seconds, timestamp.nanoseconds, timestamp.offset_seconds]
    if moment != answer["ts"]:
        return f"timestamp {moment}, for Go {answer['ts']}"
    try:
        text = ENCODE[kind](decoded)
    except EncodeError as error:
        return None if answer.get("marshal_error") else f"Go can write it, we cannot: {error}"
    if answer.get("marshal_error"):
        return f"Go cannot write it: {answer['marshal_error']}"
    if answer["event"] is None:
        same = (len(text), hashlib.sha256(text).hexdigest()) == (answer["event_len"], answer["event_sha256"])
    else:
        same = text == answer["event"].encode()
    return None if same else f"we write {text[:500]!r}, Go {str(answer['event'])[:500]!r}"
