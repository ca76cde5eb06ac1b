"""A finding has the same identity in every report, and sets of identities have all of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import auditor.core.model.finding_identity
from auditor.core.model.finding_identity import (
    DIGEST_SIZE,
    WHOLE,
    Identity,
    IdentityIndex,
    IdentitySet,
    digest_of,
    identity_set,
    message_finding_digest,
)
from auditor.core.model.findings import Kind, Severity
from tests.core.stories import message

if TYPE_CHECKING:
    from auditor.core.model.message import StoredMessage

KIND = Kind.VERSION_GAP
CORRUPTION, NOTICE = (KIND, Severity.CORRUPTION), (KIND, Severity.NOTICE)
ONE, OTHER = b"11111111", b"22222222"


def test_a_digest_has_the_kind_and_every_field() -> None:
    digests = {
        digest_of(KIND, "S", 1),
        digest_of(KIND, "S", 2),
        digest_of(KIND, "S1"),
        digest_of(KIND, b"S", 1),
        digest_of(Kind.MISSING_HEAD, "S", 1),
        digest_of(KIND, "S", None),
    }
    assert len(digests) == 6
    assert {len(each) for each in digests} == {DIGEST_SIZE}
    assert digest_of(KIND, "S", 1) in digests


STORED = message(4, "S.events.order.order-1", b"{")


@pytest.mark.parametrize(
    "other",
    [
        msgspec.structs.replace(STORED, seq=5),
        msgspec.structs.replace(STORED, time_ns=STORED.time_ns + 1),
        msgspec.structs.replace(STORED, data=b"["),
        msgspec.structs.replace(STORED, headers=b"NATS/1.0\r\n\r\n"),
    ],
)
def test_another_message_has_another_digest(other: StoredMessage) -> None:
    digest = message_finding_digest(Kind.MALFORMED_EVENT, "S", 1, STORED)
    assert message_finding_digest(Kind.MALFORMED_EVENT, "S", 1, other) != digest
    assert message_finding_digest(Kind.MALFORMED_EVENT, "S", 1, STORED) == digest
    assert message_finding_digest(Kind.MALFORMED_EVENT, "S", 2, STORED) != digest


def test_the_digest_is_the_same_if_the_server_returns_the_subject_with_replacement_characters() -> None:
    stored = msgspec.structs.replace(STORED, subject=b"S.events.order.\xff")
    returned = msgspec.structs.replace(STORED, subject="S.events.order.\ufffd".encode())
    digests = {message_finding_digest(Kind.MALFORMED_EVENT, "S", 1, each) for each in (stored, returned)}
    assert len(digests) == 1


identities = st.builds(
    lambda digest, first, size: Identity(digest, first, first + size),
    st.sampled_from([ONE, OTHER]),
    st.integers(1, 9),
    st.integers(0, 4),
) | st.sampled_from([b"33333333", b"44444444"]).map(Identity)


@given(st.lists(identities))
def test_a_set_has_every_identity_that_was_put_into_it_and_no_other(some: list[Identity]) -> None:
    one = identity_set(some)
    assert identity_set(one) == one
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=IdentitySet) == one
    index = IdentityIndex({CORRUPTION: one})
    for each in some:
        assert index.unknown(CORRUPTION, each) == []
    values = {(each.digest, at) for each in some for at in range(each.first, each.last + 1)}
    for digest in (ONE, OTHER):
        unknown = {
            at for first, last in index.unknown(CORRUPTION, Identity(digest, 1, 13)) for at in range(first, last + 1)
        }
        assert unknown == {at for at in range(1, 14) if (digest, at) not in values}


def test_a_finding_without_parts_takes_eight_bytes() -> None:
    one = identity_set([Identity(OTHER), Identity(ONE), Identity(ONE)])
    assert (one.digests, one.intervals, len(one)) == (ONE + OTHER, {}, 2)
    assert list(one) == [Identity(ONE), Identity(OTHER)]


def test_a_set_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.core.model.finding_identity, "MAX_IDENTITIES", 2)
    assert list(identity_set([Identity(OTHER), Identity(OTHER), Identity(ONE), Identity(b"33333333")])) == [
        Identity(ONE),
        Identity(OTHER),
    ]


def test_a_finding_that_was_corruption_is_also_found_as_a_notice_and_not_the_other_way_round() -> None:
    known = identity_set([Identity(ONE)])
    assert IdentityIndex({CORRUPTION: known}).unknown(NOTICE, Identity(ONE)) == []
    assert IdentityIndex({NOTICE: known}).unknown(CORRUPTION, Identity(ONE)) == [WHOLE]
    assert IdentityIndex({}).unknown(CORRUPTION, Identity(ONE, 3, 4)) == [(3, 4)]
