"""The quarantine record: how one condemned message and where it came from travel as NATS messages, and back.

A record is one message if that fits. What does not fit goes on in further messages, `<key>.p2`, `<key>.p3` and so on;
nothing is cut off. Pure: no connection is needed to build a record or to read one.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from auditor.core.model.findings import subject_text
from auditor.units import format_rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.core.model.quarantine_entry import QuarantineEntry

RECORD_SCHEMA = "aether-auditor/quarantine/1"
ONLY_ONCE = {"Nats-Expected-Last-Subject-Sequence": "0"}
"""Makes the server refuse a message whose subject already holds one."""
HEADER_LIMIT = 65_535
"""Bytes of the longest header block that a server stores."""
ERROR_LIMIT = 1_000
"""Characters of Audit-Error that are kept; the messages of this project are far shorter."""
VERSION_LINE = "NATS/1.0"
MAX_PARTS = 999_999


class Part(NamedTuple):
    """One message to publish."""

    subject: str
    headers: dict[str, str]
    data: bytes

    @property
    def size(self) -> int:
        """Bytes, headers included: what a server measures against its max_payload."""
        return block_size(self.headers) + len(self.data)


def record_parts(entry: QuarantineEntry, prefix: str, max_payload: int) -> list[Part]:
    """The record of `entry`, each part within `max_payload` bytes.

    Raises ValueError if not even the headers fit.
    """
    subject = f"{prefix}.{entry.key}"
    block, data = entry.message.headers, entry.message.data
    bare = ONLY_ONCE | _audit_headers(entry)
    full = bare if block is None else bare | {"Audit-Headers": base64.b64encode(block).decode()}
    whole = Part(subject, full, data)
    if whole.size <= max_payload and block_size(full) <= HEADER_LIMIT:
        return [whole]

    # Room is reckoned with the longest numbering, because how many parts there are depends on the room.
    longest = _numbering(MAX_PARTS, MAX_PARTS, "payload")
    most = min(max_payload, HEADER_LIMIT)
    inline = block_size(full | longest) <= most
    first = full if inline else bare
    needed = block_size(first | longest)
    if needed > most:
        raise ValueError(f"the record needs {needed} bytes of headers, the server takes {most}")
    first_room = max_payload - needed
    room = max_payload - block_size(ONLY_ONCE | longest)

    pieces = [("payload", data[:first_room])]
    pieces += [("payload", piece) for piece in _pieces(data[first_room:], room)]
    if not inline and block is not None:
        pieces += [("headers", piece) for piece in _pieces(block, room)]
    return [
        Part(
            subject if number == 1 else part_subject(subject, number),
            (first if number == 1 else ONLY_ONCE) | _numbering(number, len(pieces), content),
            piece,
        )
        for number, (content, piece) in enumerate(pieces, 1)
    ]


def part_subject(subject: str, number: int) -> str:
    """Where part `number`, 2 or above, of the record at `subject` is kept."""
    return f"{subject}.p{number}"


def block_size(headers: Mapping[str, str]) -> int:
    """Bytes of `headers`, all ASCII, as a header block on the wire."""
    lines = sum(len(name) + len(value) + len(": \r\n") for name, value in headers.items())
    return len(VERSION_LINE) + len("\r\n") + lines + len("\r\n")


def _audit_headers(entry: QuarantineEntry) -> dict[str, str]:
    message = entry.message
    headers = {
        "Audit-Schema": RECORD_SCHEMA,
        "Audit-Stream": _printable(entry.stream),
        "Audit-Sequence": str(message.seq),
        "Audit-Stored-At": format_rfc3339(message.time_ns),
        "Audit-Subject": base64.b64encode(message.subject).decode(),
        "Audit-Kind": str(entry.kind),
        "Audit-Error": _printable(entry.error)[:ERROR_LIMIT],
        "Audit-Sha256": hashlib.sha256(message.data).hexdigest(),
        "Audit-Size": str(len(message.data)),
    }
    return headers if entry.reason is None else headers | {"Audit-Reason": _printable(entry.reason)}


def _numbering(number: int, parts: int, content: str) -> dict[str, str]:
    return {"Audit-Part": str(number), "Audit-Parts": str(parts), "Audit-Part-Content": content}


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def _printable(text: str) -> str:
    """`text` on one line of printable ASCII: everything else as a backslash escape."""
    return "".join(char if " " <= char <= "~" else char.encode("unicode_escape").decode() for char in text.strip())


class StoredPart(NamedTuple):
    """One message of the side stream as the server gives it back."""

    headers: bytes | None
    data: bytes


@dataclass(frozen=True, slots=True)
class RecordOrigin:
    """What the first part of a record says of the message that it keeps."""

    key: str
    """The record's full subject."""
    kind: str
    reason: str | None
    error: str
    stream: str
    sequence: int
    stored_at: str
    """Server time of the message, RFC 3339 in UTC."""
    subject: bytes
    size: int
    """Bytes of the payload."""
    sha256: str
    parts: int

    def to_json(self) -> dict[str, Any]:
        """One object of `auditor quarantine list --json`."""
        return {
            "key": self.key,
            "kind": self.kind,
            "reason": self.reason,
            "error": self.error,
            "stream": self.stream,
            "sequence": self.sequence,
            "stored_at": self.stored_at,
            "subject": subject_text(self.subject),
            "size": self.size,
            "sha256": self.sha256,
            "parts": self.parts,
        }


@dataclass(frozen=True, slots=True)
class Record:
    """A message as it was when it was condemned."""

    origin: RecordOrigin
    headers: bytes | None
    """Its header block, None if there was none."""
    data: bytes
    problem: str | None = None
    """Why this record can't be trusted, in one line: a part is missing, or the bytes are not those that were stored."""


def read_origin(subject: str, headers: bytes | None) -> RecordOrigin | None:
    """What the side stream's message at `subject` says of a condemned message.

    None if it is not the first part of a record: anybody may have published there.
    """
    fields = parse_headers(headers)
    try:
        if fields["Audit-Schema"] != RECORD_SCHEMA:
            return None
        return RecordOrigin(
            key=subject,
            kind=fields["Audit-Kind"],
            reason=fields.get("Audit-Reason"),
            error=fields["Audit-Error"],
            stream=fields["Audit-Stream"],
            sequence=int(fields["Audit-Sequence"]),
            stored_at=fields["Audit-Stored-At"],
            subject=base64.b64decode(fields["Audit-Subject"], validate=True),
            size=int(fields["Audit-Size"]),
            sha256=fields["Audit-Sha256"],
            parts=int(fields.get("Audit-Parts", "1")),
        )
    except (KeyError, ValueError):
        return None


def read_record(origin: RecordOrigin, parts: Sequence[StoredPart]) -> Record:
    """The message that `parts` keep: part 1 first, as many as are there without a break. Never raises."""
    pieces: dict[str, list[bytes]] = {"payload": [], "headers": []}
    problem = None
    if len(parts) < origin.parts:
        problem = f"part {len(parts) + 1} of {origin.parts} is missing"
    for number, part in enumerate(parts, 1):
        fields = parse_headers(part.headers)
        if fields.get("Audit-Part", "1") != str(number):
            problem = problem or f"what is stored as part {number} is not that part"
        else:
            pieces["headers" if fields.get("Audit-Part-Content") == "headers" else "payload"].append(part.data)
    payload = b"".join(pieces["payload"])
    block = b"".join(pieces["headers"]) if pieces["headers"] else None
    try:
        inline = parse_headers(parts[0].headers).get("Audit-Headers")
        block = block if inline is None else base64.b64decode(inline, validate=True)
    except ValueError:
        problem = problem or "Audit-Headers is not base64"
    if len(payload) != origin.size:
        problem = problem or f"it holds {len(payload)} bytes of payload, not {origin.size}"
    elif hashlib.sha256(payload).hexdigest() != origin.sha256:
        problem = problem or "its payload does not have the SHA-256 that it names"
    return Record(origin, block, payload, problem)


def parse_headers(block: bytes | None) -> dict[str, str]:
    """The fields of a header block of our own making; of any other, whatever looks like one."""
    lines = (block or b"").decode("ascii", "replace").split("\r\n")
    return {name: value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
