"""Makes the identities of the findings that the examiner has not identified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.core.model.finding_identity import WHOLE, Identity, digest_of
from auditor.core.model.findings import Cause, Kind, spec
from auditor.core.model.kind_rules import Replaced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.model.findings import Finding, Incident
    from auditor.core.report.actor_assessment import MissingVersions

MAX_SEQ = (1 << 64) - 1


class Identifier:
    """Makes the identities of the findings of one stream.

    After a rollback the server uses sequences again. So an identity has the number of incidents after which its sequence
    may hold another message, and the time at which the last one was noticed. That time is compared with no clock.
    """

    def __init__(self, stream: str, created_ns: int, incidents: Sequence[Incident] = ()) -> None:
        """`created_ns`: when the stream was created. `incidents`: in the order in which passes noticed them."""
        self._stream = (stream, created_ns)
        self._replaced = [
            _replaced_range(each) for each in incidents if spec(each.finding.kind).replaced is not Replaced.NONE
        ]

    def message(self, kind: Kind, seq: int) -> Identity:
        """Returns an identity of a finding about the content of one message, of which only the sequence is known."""
        return Identity(digest_of(kind, *self._stream, seq, self._replacements(seq)))

    def missing_versions(self, kind: Kind, subject: str, missing: MissingVersions) -> Identity:
        """Returns the identity of a gap or of a missing head.

        The first events of an actor expire one after the other, so an expired head is one finding for each actor.
        """
        if missing.cause is Cause.EXPIRED:
            return Identity(digest_of(kind, *self._stream, subject, missing.cause))
        place = (subject, missing.after_seq, missing.before_seq, self._replacements(missing.before_seq))
        return Identity(digest_of(kind, *self._stream, *place), missing.first_missing, missing.last_missing)

    def version(self, kind: Kind, subject: str, version: int, seq: int) -> Identity:
        """Returns the identity of a finding about the version of one message."""
        return Identity(digest_of(kind, *self._stream, subject, version, seq, self._replacements(seq)))

    def collision(self, subject: str, ids: Sequence[str], seq: int) -> list[Identity]:
        """Returns the identities of a collision, one for each actor id: a further id is a further finding."""
        kind, replacements = Kind.SUBJECT_COLLISION, self._replacements(seq)
        return [Identity(digest_of(kind, *self._stream, subject, each, replacements)) for each in ids]

    def sequences(self, kind: Kind, first: int, last: int) -> list[Identity]:
        """Returns the identities of a finding about a range of sequences: one for each part with the same rollbacks."""
        edges = {
            first,
            *(edge for _, begin, end in self._replaced for edge in (begin, end + 1) if first < edge <= last),
        }
        begins = sorted(edges)
        ends = [*(begin - 1 for begin in begins[1:]), last]
        return [
            Identity(digest_of(kind, *self._stream, self._replacements(begin)), begin, end)
            for begin, end in zip(begins, ends, strict=True)
        ]

    def unreadable_on_subject(self, subject: bytes, count: int) -> Identity:
        """Returns the identity of unreadable messages whose sequences the server does not tell: their number on a subject."""
        return Identity(digest_of(Kind.UNREADABLE_MESSAGE, *self._stream, subject), 1, count)

    def unlocated_loss(self, size: int) -> Identity:
        """Returns the identity of lost messages of which only the number of bytes is known."""
        return Identity(digest_of(Kind.LOST_MESSAGES, *self._stream, "bytes"), 1, size)

    def copy(self, finding: Finding) -> list[Identity]:
        """Returns the identities of a finding about one copy of the stream: one for each of its ranges, if it has any."""
        digest = digest_of(finding.kind, *self._stream, finding.replica)
        return [Identity(digest, first, last) for first, last in finding.ranges or (WHOLE,)]

    def incident(self, incident: Incident) -> Identity:
        """Returns the identity of an incident. A later incident is another one, even with equal fields."""
        finding = incident.finding
        fields = (finding.first_seq, finding.last_seq, finding.count, finding.detail)
        return Identity(digest_of(finding.kind, incident.noticed_ns, *fields))

    def _replacements(self, seq: int) -> tuple[int, int]:
        """Returns how many incidents reach the sequence, and when the last of them was noticed; 0 if there is none."""
        noticed = [noticed_ns for noticed_ns, begin, end in self._replaced if begin <= seq <= end]
        return len(noticed), noticed[-1] if noticed else 0


def _replaced_range(incident: Incident) -> tuple[int, int, int]:
    """Returns when the incident was noticed, and the first and last sequence that may hold another message."""
    finding = incident.finding
    if spec(finding.kind).replaced is Replaced.ALL or finding.first_seq is None or finding.last_seq is None:
        return incident.noticed_ns, 0, MAX_SEQ
    return incident.noticed_ns, finding.first_seq, finding.last_seq
