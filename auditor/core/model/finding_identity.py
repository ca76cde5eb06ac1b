"""Identifies findings: what makes a finding the same one in two reports, and sets of identities.

An identity has a digest of what does not change while the finding is open, and an interval. The interval is the range of
sequences of a finding about a range, and the range of versions of a finding about missing versions. A part of an interval
is a part of the same finding: messages that expired, or a gap in which a version arrived late.
"""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from auditor.core.model.findings import Kind, Severity
from auditor.core.model.ranges import merged, subtract

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from auditor.core.model.message import StoredMessage
    from auditor.core.model.ranges import Ranges

DIGEST_SIZE = 8
"""Bytes of a digest. A new finding has the digest of one of 100,000 others by chance once in 10^14 findings."""

MAX_IDENTITIES = 100_000
"""Findings of one kind that are identified. More are only counted: they cannot be accepted, and are new if the count rises."""

WHOLE = (0, 0)
"""The interval of a finding that has no parts."""

Key = tuple[Kind, Severity]


class Identity(NamedTuple):
    """The identity of one finding, or of a part of it."""

    digest: bytes
    first: int = WHOLE[0]
    last: int = WHOLE[1]


def digest_of(kind: Kind, *fields: object) -> bytes:
    """Returns the digest of a kind and of values that msgpack can encode."""
    return hashlib.blake2b(msgspec.msgpack.encode((kind, *fields)), digest_size=DIGEST_SIZE).digest()


def message_finding_digest(kind: Kind, stream: str, created_ns: int, message: StoredMessage) -> bytes:
    """Returns the digest of a finding about the content of one message.

    Another message at the same sequence has another digest, even with the same bytes: it was stored at another time. The
    subject is left out, because a request for a single message may return it with U+FFFD in it.
    """
    return digest_of(kind, stream, created_ns, message.seq, message.time_ns, message.headers, message.data)


class IdentitySet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Identities in a compact form. A finding without parts takes 8 bytes."""

    digests: bytes = b""
    """The digests of findings without parts, one after the other, sorted."""
    intervals: dict[bytes, list[tuple[int, int]]] = {}
    """The other findings: intervals by digest, merged."""

    def __len__(self) -> int:
        return len(self.digests) // DIGEST_SIZE + sum(map(len, self.intervals.values()))

    def __iter__(self) -> Iterator[Identity]:
        for at in range(0, len(self.digests), DIGEST_SIZE):
            yield Identity(self.digests[at : at + DIGEST_SIZE])
        for digest, intervals in self.intervals.items():
            for first, last in intervals:
                yield Identity(digest, first, last)


def identity_set(identities: Iterable[Identity]) -> IdentitySet:
    """Returns the set of these identities, at most the first `MAX_IDENTITIES` of them."""
    plain: set[bytes] = set()
    intervals: dict[bytes, list[tuple[int, int]]] = {}
    for digest, first, last in islice(dict.fromkeys(identities), MAX_IDENTITIES):
        if (first, last) == WHOLE:
            plain.add(digest)
        else:
            intervals.setdefault(digest, []).append((first, last))
    return IdentitySet(b"".join(sorted(plain)), {digest: merged(each) for digest, each in sorted(intervals.items())})


class IdentityIndex:
    """Looks up identities by kind and severity. A finding of severity corruption is also found as a notice."""

    def __init__(self, sets: Mapping[Key, IdentitySet]) -> None:
        self._by_key: dict[Key, dict[bytes, Ranges]] = {}
        for key, identities in sets.items():
            table: dict[bytes, Ranges] = {each.digest: [WHOLE] for each in identities if each[1:] == WHOLE}
            table.update(identities.intervals)
            self._by_key[key] = table

    def unknown(self, key: Key, identity: Identity) -> Ranges:
        """Returns the parts of the interval that the sets do not have; empty if they have all of it."""
        kind, severity = key
        left: Ranges = [(identity.first, identity.last)]
        for each in dict.fromkeys((severity, Severity.CORRUPTION)):
            table = self._by_key.get((kind, each))
            if table and left:
                left = subtract(left, table.get(identity.digest, []))
        return left
