"""A decoded checkpoint equals the one that was encoded, and other bytes are refused."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.model.findings import Kind
from auditor.core.model.message import Loss
from auditor.core.replicas.digests import CopyDigests
from auditor.core.state import codec
from auditor.core.state.checkpoint import Checkpoint
from auditor.core.state.codec import FORMAT, READABLE_FORMATS, decode_checkpoint, encode_checkpoint
from tests.core.state.test_examiner import judged
from tests.core.stories import event, streams

ORDER = "S.events.order.order-1"


def checkpoint(stream: list[tuple[str | bytes, bytes]]) -> Checkpoint:
    return Checkpoint(
        stream="S",
        created_ns=7,
        subjects=("S.events.>",),
        state=judged(stream),
        next_seq=len(stream) + 1,
        removed=[(2, 3)],
        undelivered=[(5, 9)],
        lost=Loss(((4, 4),)),
        judged_copy="n1",
        copies={"n1": CopyDigests(1, 5_000, b"d" * 48)},
    )


@settings(deadline=None)
@given(streams, st.integers(1, 4))
def test_a_decoded_checkpoint_equals_the_encoded_one(stream: list[tuple[str | bytes, bytes]], batch: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "BATCH", batch)
        one = checkpoint(stream)
        one.state.ledger.unjudged.add(b"order.\xff")
        assert decode_checkpoint(encode_checkpoint(one)) == one


def test_the_size_of_the_pieces_that_are_decompressed_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    one = checkpoint([(f"S.events.order.order-{number}", event(f"order-{number}", 1)) for number in range(300)])
    data = encode_checkpoint(one)
    for read_size in (1, 7, 100):
        monkeypatch.setattr(codec, "READ_SIZE", read_size)
        assert decode_checkpoint(data) == one


@settings(deadline=None)
@given(st.data())
def test_the_first_part_of_a_checkpoint_and_other_bytes_are_refused(data: st.DataObject) -> None:
    whole = encode_checkpoint(checkpoint([(ORDER, event("order-1", version)) for version in (1, 2, 4)]))
    for broken in (whole[: data.draw(st.integers(0, len(whole) - 1))], data.draw(st.binary(max_size=50))):
        with pytest.raises(ValueError, match=r"ends too soon|does not decode|is empty"):
            decode_checkpoint(broken)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"a\x00\x00\x00\x01\x80",
        b"x\x00\x00\x00\x00",
        b"m\x00\x00\x00\x01\x80",
        b"m\x00\x00\x00\x09\x80",
        b"m\x00\x00\x00\x04\x81\xa1\xff\x01",
        b"m" + (300_000).to_bytes(4, "big") + b"\x81\xa1a" * 100_000,
    ],
)
def test_compressed_bytes_that_are_no_checkpoint_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"ends too soon|does not decode|is empty|before the checkpoint"):
        decode_checkpoint(zlib.compress(body))


SAVED = Path(__file__).parent / "saved"
"""Bytes as each format saved them. A file is added with its format, and never generated again."""


def one_of_everything() -> Checkpoint:
    stream: list[tuple[str | bytes, bytes]] = [
        *[(ORDER, event("order-1", version)) for version in (1, 2, 4, 4)],
        (ORDER, b"{"),
        ("S.snapshots.order.order-1", b"{"),
    ]
    one = checkpoint(stream)
    one.state.ledger.unjudged.add(b"order.order-2")
    return one


def test_a_checkpoint_saved_in_the_present_format_is_decoded() -> None:
    assert FORMAT == 5
    assert decode_checkpoint((SAVED / "checkpoint-5.bin").read_bytes()) == one_of_everything()


def test_a_checkpoint_of_format_4_is_decoded_as_it_was_saved() -> None:
    assert READABLE_FORMATS == (4, 5)
    assert decode_checkpoint((SAVED / "checkpoint-4.bin").read_bytes()) == one_of_everything()


def test_a_checkpoint_of_format_1_is_refused_and_not_decoded_as_an_empty_one() -> None:
    with pytest.raises(ValueError, match="does not decode"):
        decode_checkpoint((SAVED / "checkpoint-1.bin").read_bytes())


def test_a_checkpoint_of_format_2_identifies_none_of_its_findings() -> None:
    segments = decode_checkpoint((SAVED / "checkpoint-2.bin").read_bytes()).state.segments
    assert segments.content_findings == {Kind.MALFORMED_EVENT: 1}
    assert segments.first_unidentified_seq(Kind.MALFORMED_EVENT) == 0


@pytest.mark.parametrize("old", ["subjects", "segments", "ledger", "listed_counts", "unjudged"])
def test_a_checkpoint_with_an_unknown_key_is_refused_and_not_decoded_without_it(old: str) -> None:
    saved = zlib.decompress(encode_checkpoint(one_of_everything()))
    length = int.from_bytes(saved[1:5], "big")
    assert old.encode() in saved[:length]
    renamed = saved.replace(old.encode(), b"x" * len(old), 1)
    with pytest.raises(ValueError, match="does not decode"):
        decode_checkpoint(zlib.compress(renamed))
