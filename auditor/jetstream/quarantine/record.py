"""Encodes a quarantine entry as the messages of a record, and decodes them. Pure.

A record is one message if it fits into one. Otherwise it continues in `<key>.p2`, `<key>.p3` and so on. Nothing is cut off.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from auditor.core.model.findings import subject_text
from auditor.units import format_rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.core.model.message import StoredMessage
    from auditor.core.model.quarantine_entry import QuarantineEntry

RECORD_SCHEMA = "aether-auditor/quarantine/1"
ONLY_ONCE = {"Nats-Expected-Last-Subject-Sequence": "0"}
"""With this header the server refuses a message if its subject already holds one."""
HEADER_LIMIT = 65_535
"""Bytes of the longest header block that a server stores."""
ERROR_LIMIT = 1_000
"""Characters of Audit-Error that are kept. Errors of the auditor are far shorter."""
VERSION_LINE = "NATS/1.0"
MAX_PARTS = 999_999
MAX_SUBJECTS = 5
"""Subjects at which one record may be stored: its key, and others in case that other messages are stored there."""
KEY = re.compile(r"([^.]+)\.\d+\.(\d+)\.([0-9a-f]{12})(?:\.r\d)?")
"""A key without its prefix: stream, epoch, sequence and the start of the digest; then the number of another subject."""
PART_SUBJECT = re.compile(r"\.p(\d+)")
"""The end of the subject of a later part."""


class Part(NamedTuple):
    """One message to publish."""

    subject: str
    headers: dict[str, str]
    data: bytes

    @property
    def size(self) -> int:
        """Bytes with headers, which must not exceed the max_payload of the server."""
        return block_size(self.headers) + len(self.data)


def record_subjects(subject: str) -> list[str]:
    """Return the subjects at which the record with the key `subject` may be stored, in the order in which they are tried."""
    return [subject, *(f"{subject}.r{number}" for number in range(2, MAX_SUBJECTS + 1))]


def record_parts(entry: QuarantineEntry, prefix: str, max_payload: int, *, subject_number: int = 1) -> list[Part]:
    """Return the parts of the record of `entry`, each at most `max_payload` bytes, at one of its `record_subjects`.

    Raises ValueError if the headers alone do not fit.
    """
    subject = record_subjects(f"{prefix}.{entry.key}")[subject_number - 1]
    block, data = entry.message.headers, entry.message.data
    bare = ONLY_ONCE | _audit_headers(entry)
    full = bare if block is None else bare | {"Audit-Headers": base64.b64encode(block).decode()}
    whole = Part(subject, full, data)
    if whole.size <= max_payload and block_size(full) <= HEADER_LIMIT:
        return [whole]

    # Sizes are computed with the longest numbering, because the number of parts depends on the sizes.
    longest = _numbering(MAX_PARTS, MAX_PARTS, "payload")
    most = min(max_payload, HEADER_LIMIT)
    inline = block_size(full | longest) <= most
    first = full if inline else bare
    needed = block_size(first | longest)
    if needed > most:
        raise ValueError(f"the record needs {needed} bytes of headers, the server takes {most}")
    first_capacity = max_payload - needed
    capacity = max_payload - block_size(ONLY_ONCE | longest)

    pieces = [("payload", data[:first_capacity])]
    pieces += [("payload", piece) for piece in _pieces(data[first_capacity:], capacity)]
    if not inline and block is not None:
        pieces += [("headers", piece) for piece in _pieces(block, capacity)]
    return [
        Part(
            subject if number == 1 else part_subject(subject, number),
            (first if number == 1 else ONLY_ONCE) | _numbering(number, len(pieces), content),
            piece,
        )
        for number, (content, piece) in enumerate(pieces, 1)
    ]


def part_subject(subject: str, number: int) -> str:
    """Return the subject of part `number`, 2 or more, of the record at `subject`."""
    return f"{subject}.p{number}"


def block_size(headers: Mapping[str, str]) -> int:
    """Return the size in bytes of the header block of `headers`, which are ASCII."""
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
    """Return `text` as one line of printable ASCII, with backslash escapes for other characters."""
    return "".join(char if " " <= char <= "~" else char.encode("unicode_escape").decode() for char in text.strip())


class StoredPart(NamedTuple):
    """One message of the quarantine stream."""

    headers: bytes | None
    data: bytes


@dataclass(frozen=True, slots=True)
class RecordOrigin:
    """Where a quarantined message came from, and why it is quarantined, from the first part of its record."""

    key: str
    """The subject of the record."""
    kind: str
    reason: str | None
    error: str
    stream: str
    sequence: int
    stored_at: str
    """When the server stored the quarantined message, RFC 3339 in UTC."""
    subject: bytes
    size: int
    """Bytes of the payload."""
    sha256: str
    parts: int

    def to_json(self) -> dict[str, Any]:
        """Return an object of `auditor quarantine list --json`."""
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
            "foreign": False,
        }


@dataclass(frozen=True, slots=True)
class Record:
    """A quarantined message with its original bytes."""

    origin: RecordOrigin
    headers: bytes | None
    """The header block of the message; None if there was none."""
    data: bytes
    problem: str | None = None
    """Why the record is damaged, in one line: a part is missing, or the bytes are not those that were stored."""


def read_origin(subject: str, headers: bytes | None) -> RecordOrigin | None:
    """Return the origin in the headers of the message at `subject`.

    None if it is not the first part of a record, because other clients can publish to this subject too.
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


@dataclass(frozen=True, slots=True)
class ForeignMessage:
    """A message of the quarantine stream that is neither a record nor a part of one, so that another client published it."""

    key: str
    """Its subject."""
    stored_at: str
    """When the server stored it, RFC 3339 in UTC."""
    size: int
    """Bytes of the payload."""
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Return an object of `auditor quarantine list --json`, with the keys of a record."""
        return {
            "key": self.key,
            "kind": None,
            "reason": None,
            "error": "not a record of the auditor",
            "stream": None,
            "sequence": None,
            "stored_at": self.stored_at,
            "subject": None,
            "size": self.size,
            "sha256": self.sha256,
            "parts": None,
            "foreign": True,
        }


def read_message(message: StoredMessage) -> RecordOrigin | ForeignMessage | None:
    """Return the record that begins with a message of the quarantine stream; None if the message is a later part of one."""
    subject = subject_text(message.subject)
    origin = read_origin(subject, message.headers)
    if origin is not None and has_key(origin):
        return origin
    part = PART_SUBJECT.fullmatch(subject[subject.rfind(".") :])
    if part is not None and parse_headers(message.headers).get("Audit-Part") == part[1]:
        return None
    digest = hashlib.sha256(message.data).hexdigest()
    return ForeignMessage(subject, format_rfc3339(message.time_ns), len(message.data), digest)


def has_key(origin: RecordOrigin) -> bool:
    """Return whether the headers of a record agree with its key, which has the stream, the sequence and the digest."""
    tokens = origin.key.split(".")
    end = 5 if len(tokens) > 5 and re.fullmatch(r"r\d", tokens[-1]) else 4
    found = KEY.fullmatch(".".join(tokens[-end:]))
    return found is not None and (_printable(found[1]), found[2], found[3]) == (
        origin.stream,
        str(origin.sequence),
        origin.sha256[:12],
    )


def holds(record: Record, entry: QuarantineEntry) -> bool:
    """Return whether `record` is whole, and has the payload, the stream and the sequence of `entry`."""
    origin = record.origin
    return record.problem is None and (
        (record.data, origin.stream, origin.sequence)
        == (entry.message.data, _printable(entry.stream), entry.message.seq)
    )


def read_record(origin: RecordOrigin, parts: Sequence[StoredPart]) -> Record:
    """Return the record of `parts`, from part 1 on, without a missing part in between. Never raises."""
    pieces: dict[str, list[bytes]] = {"payload": [], "headers": []}
    problem = None
    if len(parts) < origin.parts:
        problem = f"part {len(parts) + 1} of {origin.parts} is missing"
    for number, part in enumerate(parts, 1):
        fields = parse_headers(part.headers)
        if fields.get("Audit-Part", "1") != str(number):
            problem = problem or f"the message stored as part {number} is not that part"
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
        problem = problem or "its payload does not have the SHA-256 of its header"
    return Record(origin, block, payload, problem)


def parse_headers(block: bytes | None) -> dict[str, str]:
    """Return the fields of a header block that the auditor wrote; of any other block, the lines that look like fields."""
    lines = (block or b"").decode("ascii", "replace").split("\r\n")
    return {name: value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
