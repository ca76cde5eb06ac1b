"""Bodies of events and snapshots, and what Go says of each: taken from the corpus, or made from bodies that are in it."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CORPUS = Path(__file__).parents[1] / "corpus" / "go-json-vectors.jsonl.gz"
MAX_BYTES = 2_000
"""Size of a body that is taken from the corpus."""
A_NUMBER_THAT_DOES_NOT_FIT = re.compile(r"cannot unmarshal number -?[0-9]")


@dataclass(frozen=True)
class Malformed:
    """A body that Go refuses."""

    body: bytes
    reason: str


def reason_of(body: bytes, error: str, error_type: str) -> str | None:
    """The reason of a finding for Go's error; None if its text does not decide that."""
    if not body.strip(b" \t\r\n"):
        return "empty"
    if error_type == "*json.SyntaxError":
        return "depth" if "max depth" in error else "syntax"
    if error_type == "*time.ParseError" or "Time.UnmarshalJSON" in error:
        return "timestamp"
    if error_type == "*json.UnmarshalTypeError":
        return "number" if A_NUMBER_THAT_DOES_NOT_FIT.search(error) else "type"
    return None


@cache
def malformed(kind: str) -> dict[str, list[Malformed]]:
    """By reason: bodies of `kind` (`event` or `snapshot`) that real Go refused."""
    found: dict[str, list[Malformed]] = {}
    with gzip.open(CORPUS, "rt", encoding="utf-8") as lines:
        for line in lines:
            vector = json.loads(line)
            if vector["kind"] != kind or vector["ok"] or vector["b64"] is None or vector.get("varies"):
                continue
            body = base64.b64decode(vector["b64"])
            reason = reason_of(body, vector["error"], vector["error_type"])
            if reason is not None and len(body) <= MAX_BYTES:
                found.setdefault(reason, []).append(Malformed(body, reason))
    deep = b"[" * 10_001 + b"]" * 10_001
    found["depth"] = [Malformed(b'{"data":{"a":%b}}' % deep, "depth")]
    found["empty"] = [Malformed(b"", "empty")]
    return found


def event(actor: str, version: object, mark: int) -> bytes:
    """An event that Go takes, or without a version if that is None. `mark` makes its bytes differ from others."""
    fields = {"id": f"e{mark}", "eventType": "Placed", "actorId": actor, "version": version, "data": {"mark": mark}}
    if version is None:
        del fields["version"]
    return json.dumps(fields | {"timestamp": "2024-05-06T07:08:09.5Z"}).encode()


def snapshot(actor: str, version: int) -> bytes:
    """A snapshot that Go takes."""
    return json.dumps(
        {"actorId": actor, "version": version, "state": {"a": 1}, "timestamp": "2024-05-06T07:08:09Z"}
    ).encode()
