"""Decides which findings an acceptance covers. Accepted findings are counted apart and do not make a pass corrupt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from auditor.core.model.finding_identity import IdentityIndex, IdentitySet, identity_set
from auditor.core.model.findings import Kind, Severity
from auditor.core.model.ranges import intersect, subtract

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.core.model.finding_identity import Identity, Key
    from auditor.core.model.ranges import Ranges

ACCEPTANCES_FORMAT = 2
"""Format of saved acceptances: it changes whenever a saved field is added, removed, renamed or gets another meaning."""

SCHEMA_OF_FORMAT_1 = "aether-auditor/accepted/1"


class AcceptanceRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of the findings that were reported are accepted. It is replaced by their identities."""

    up_to_seq: int
    """The last sequence of findings that have a place in the stream."""
    noticed_by_ns: int
    """When incidents were noticed at the latest, nanoseconds since 1970."""
    created_ns: int
    """When the audited stream was created, nanoseconds since 1970. The rule is for no other stream."""


class Acceptance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The statement of an operator that reported findings of one kind need no repair."""

    kind: Kind
    up_to_seq: int
    """The sequence that the operator gave, or else the end of the range of the last report."""
    reason: str
    """The reason that the operator gave."""
    accepted_ns: int
    """When it was accepted, nanoseconds since 1970."""
    identities: dict[Severity, IdentitySet] = {}
    """The accepted findings."""
    rule: AcceptanceRule | None = None
    """Accepts further findings until `identities` has them; None if it has."""

    def listed(self, accepted: Mapping[Key, IdentitySet]) -> Acceptance:
        """Returns the acceptance of these findings, at most `MAX_IDENTITIES` of each severity, in the place of its rule.

        `accepted`: the accepted findings of the last report.
        """
        identities = {
            severity: identity_set([*found, *self.identities.get(severity, ())])
            for severity in Severity
            if (found := accepted.get((self.kind, severity), ())) or severity in self.identities
        }
        return msgspec.structs.replace(self, identities=identities, rule=None)


def listed_acceptances(
    accepted: Mapping[Kind, Acceptance], found: Mapping[Key, IdentitySet]
) -> dict[Kind, Acceptance] | None:
    """Returns the acceptances without rules; None if none has a rule. `found`: the accepted findings of the last report."""
    if all(each.rule is None for each in accepted.values()):
        return None
    return {kind: each if each.rule is None else each.listed(found) for kind, each in accepted.items()}


class AcceptedFindings:
    """Looks up which findings the acceptances of an audit cover."""

    def __init__(
        self, acceptances: Iterable[Acceptance] = (), created_ns: int = 0, known: IdentityIndex | None = None
    ) -> None:
        """`created_ns`: when the stream was created. `known`: the findings that were reported; rules cover no other ones.

        Without `known`, rules also cover what was never reported.
        """
        all_ = list(acceptances)
        self._index = IdentityIndex(
            {(each.kind, severity): found for each in all_ for severity, found in each.identities.items()}
        )
        self._rules = {each.kind: each.rule for each in all_ if each.rule is not None}
        self._created_ns = created_ns
        self._known = known

    def open_parts(
        self, key: Key, identity: Identity, *, seq: int | None = None, noticed_ns: int | None = None
    ) -> Ranges:
        """Returns the parts of a finding's interval that are not accepted; empty if all of it is.

        A rule covers an incident by `noticed_ns`, and another finding by `seq`. If both are None, the interval is one of
        sequences, and a rule covers the part up to its own sequence.
        """
        left = self._index.unknown(key, identity)
        rule = self._rules.get(key[0])
        if rule is None or not left:
            return left
        if noticed_ns is not None:
            covered = left if noticed_ns <= rule.noticed_by_ns else []
        elif rule.created_ns != self._created_ns:
            covered = []
        elif seq is None:
            covered = intersect(left, [(0, rule.up_to_seq)])
        else:
            covered = left if seq <= rule.up_to_seq else []
        if self._known is not None:
            covered = subtract(covered, self._known.unknown(key, identity))
        return subtract(left, covered)


def encode_acceptances(accepted: Mapping[Kind, Acceptance]) -> bytes:
    """The acceptances as bytes of the present format."""
    return msgspec.msgpack.encode(list(accepted.values()))


def decode_acceptances(data: bytes) -> dict[Kind, Acceptance]:
    """The acceptances that `encode_acceptances` encoded. Raises msgspec.MsgspecError."""
    return {each.kind: each for each in msgspec.msgpack.decode(data, type=list[Acceptance])}


class _AcceptanceOfFormat1(msgspec.Struct):
    kind: Kind
    up_to_seq: int
    reason: str
    accepted_ns: int
    created_ns: int


class _Format1(msgspec.Struct):
    schema: str
    accepted: list[_AcceptanceOfFormat1]


def decode_format_1(data: bytes) -> dict[Kind, Acceptance]:
    """The acceptances of format 1, which have a sequence and a time, and no identities. Raises msgspec.MsgspecError."""
    saved = msgspec.json.decode(data, type=_Format1)
    if saved.schema != SCHEMA_OF_FORMAT_1:
        raise msgspec.ValidationError(f"the schema is not {SCHEMA_OF_FORMAT_1}")
    return {
        each.kind: Acceptance(
            kind=each.kind,
            up_to_seq=each.up_to_seq,
            reason=each.reason,
            accepted_ns=each.accepted_ns,
            rule=AcceptanceRule(up_to_seq=each.up_to_seq, noticed_by_ns=each.accepted_ns, created_ns=each.created_ns),
        )
        for each in saved.accepted
    }
