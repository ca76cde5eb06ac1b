"""Cutting the bytes of a connection into batches, by both twins and by the parser of frames."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.core.model.message import StoredMessage
from auditor.core.replicas.digests import ChunkDigester, CopyDigests, digested_bytes, message_bytes
from auditor.jetstream.connection.cutter import MAX_NUMBER, CompiledCutter, PythonCutter
from auditor.jetstream.connection.frames import Delivery, FrameParser, ProtocolError
from auditor.speedups import compiled

PREFIX = b"$JS.ACK.S.auditor-x.1."
SID = b"7"
TWINS = [PythonCutter, *([] if compiled is None else [CompiledCutter])]
twins = pytest.mark.parametrize("twin", TWINS)


def frame(
    seq, consumer_seq, *, subject=b"S.events.a.a-1", headers=None, data=b"{}", pending=0, time_ns=5, token=b""
) -> bytes:
    reply = PREFIX + b"%d.%d.%d.%d" % (seq, consumer_seq, time_ns, pending) + token
    if headers is None:
        return b"MSG %b %b %b %d\r\n%b\r\n" % (subject, SID, reply, len(data), data)
    sizes = len(headers), len(headers) + len(data)
    return b"HMSG %b %b %b %d %d\r\n%b%b\r\n" % (subject, SID, reply, *sizes, headers, data)


def cut(twin, data: bytes, at: int = 0):
    """What one call returns, with the batch as a list of messages and its attributes."""
    batch, end = twin(SID, PREFIX).cut(data, at)
    if batch is None:
        return None, end
    numbers = (batch.first_seq, batch.last_seq, batch.first_consumer_seq, batch.pending, batch.data_bytes)
    return (list(batch), numbers, batch.missing_from(1)), end


@twins
def test_messages_are_cut_byte_for_byte(twin):
    data = (
        b"PING\r\n"
        + frame(3, 1, headers=b"NATS/1.0\r\n\r\n", data=b"\r\nMSG ", pending=2)
        + frame(7, 2, subject=b"\xff\x00", token=b".x9")
    )
    messages = [
        StoredMessage(3, 5, b"S.events.a.a-1", b"NATS/1.0\r\n\r\n", b"\r\nMSG "),
        StoredMessage(7, 5, b"\xff\x00", None, b"{}"),
    ]
    assert cut(twin, data, 6) == ((messages, (3, 7, 1, 0, 8), [(1, 2), (4, 6)]), len(data))
    assert cut(twin, data) == (None, 0)


@twins
@pytest.mark.parametrize(
    "other",
    [
        b"+OK\r\n",
        frame(2, 3),
        frame(1, 2),
        frame(2, 2).replace(b" 7 ", b" 77 "),
        frame(2, 2).replace(b"$JS", b"$JX"),
        frame(2, 2).replace(b" 2\r\n", b" 02x\r\n"),
        frame(2, 2).replace(b"{}\r\n", b"{}xx"),
        frame(2, 2)[:-1],
        frame(MAX_NUMBER + 1, 2),
        frame(2, 2, time_ns=-1),
        frame(2, 2, subject=b"s" * 5_000),
        frame(2, 2, headers=b"h").replace(b" 1 3\r\n", b" 4 3\r\n"),
        frame(2, 2).replace(b" 2\r\n", b" 99999999999999999999\r\n"),
    ],
)
def test_a_batch_ends_before_anything_that_is_not_the_next_message(twin, other):
    first = frame(1, 1)
    assert cut(twin, first + other + frame(2, 2)) == (
        ([StoredMessage(1, 5, b"S.events.a.a-1", None, b"{}")], (1, 1, 1, 0, 2), []),
        len(first),
    )


@twins
def test_a_batch_has_the_slices_of_a_list(twin):
    batch, _ = twin(SID, PREFIX).cut(b"".join(frame(seq, seq, pending=9 - seq) for seq in range(1, 10)), 0)
    whole = list(batch)
    for start in (None, 0, 3, -2, 20):
        for stop in (None, 0, 4, -1, 20):
            assert list(batch[start:stop]) == whole[start:stop]
    assert batch[2:5][1:][0] == whole[3] == batch[3] == batch[-6]
    del batch
    with pytest.raises(IndexError):
        twin(SID, PREFIX).cut(frame(1, 1), 0)[0][1]


words = st.binary(min_size=1, max_size=12).map(lambda word: bytes(b for b in word if b not in b" \t\r\n") or b"x")
bodies = st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"\r\n", frame(2, 2), b"MSG a 7 3\r\nabc\r\n"]))


@st.composite
def streams(draw):
    """Frames of a consumer with other frames between them, and in some of them one byte that was changed, removed or added."""
    parts, seq, consumer_seq = [], 0, 0
    for _ in range(draw(st.integers(0, 8))):
        if draw(st.integers(0, 5)) == 0:
            parts.append(draw(st.sampled_from([b"PING\r\n", b"MSG a 1 0\r\n\r\n", b"MSG x 7 0\r\n\r\n"])))
        seq += draw(st.sampled_from([1, 1, 1, 1, 5, 0]))
        consumer_seq += draw(st.sampled_from([1, 1, 1, 1, 1, 1, 2]))
        parts.append(
            frame(
                seq,
                consumer_seq,
                subject=draw(words),
                headers=draw(st.none() | bodies),
                data=draw(bodies),
                pending=draw(st.integers(0, 3)),
                token=draw(st.sampled_from([b"", b".a9"])),
            )
        )
    data = bytearray(b"".join(parts))
    if data and draw(st.integers(0, 2)) == 0:
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 1))] = draw(st.binary(max_size=2))
    return bytes(data)


@given(streams(), st.integers(0, 40))
@example(b"MSG a", 0)
def test_both_twins_cut_the_same(data, at):
    at = min(at, len(data))
    results = [cut(twin, data, at) for twin in TWINS]
    assert all(result == results[0] for result in results)


def parsed(data: bytes, sizes, twin):
    """All messages and other frames of a stream in reads of these sizes; with or without a cutter."""
    taken = []
    deliveries = {} if twin is None else {SID: Delivery(twin(SID, PREFIX), taken.extend)}

    def take(raw) -> None:
        subject, reply, headers, payload = raw
        try:
            seq, _, time_ns, _ = (int(each) for each in reply.removeprefix(PREFIX).split(b".")[:4])
        except ValueError:
            taken.append(raw)
        else:
            known = reply.startswith(PREFIX)
            taken.append(StoredMessage(seq, time_ns, subject, headers, payload) if known else raw)

    parser = FrameParser({SID: take}, deliveries)
    others, at = [], 0
    try:
        for size in [*sizes, len(data)]:
            others += parser.feed(data[at : at + size])
            at += size
    except ProtocolError as error:
        return taken, others, str(error)
    return taken, others, None


@given(streams(), st.lists(st.integers(1, 60), max_size=20))
def test_a_parser_with_a_cutter_delivers_what_a_parser_without_one_does(data, sizes):
    expected = parsed(data, sizes, None)
    for twin in TWINS:
        assert parsed(data, sizes, twin) == expected


@pytest.mark.skipif(compiled is None, reason="the compiled twins are not in use")
def test_the_compiled_function_checks_its_arguments():
    for at in (-1, 3):
        with pytest.raises(ValueError, match="outside"):
            compiled.cut(b"ab", at, SID, PREFIX, StoredMessage)
    with pytest.raises(TypeError):
        compiled.Batch()


@twins
def test_a_batch_has_the_digests_of_its_messages(twin) -> None:
    messages = [
        StoredMessage(seq, time_ns, b"S." + b"a" * seq, headers, b"x" * (seq % 5))
        for seq, time_ns, headers in [(1, 7, None), (2, 1 << 61, b""), (9, 0, b"NATS/1.0\r\n\r\n"), (4_097, 1, None)]
    ]
    frames = [
        b"MSG %b 1 p%d.%d.%d.0 %d\r\n%b\r\n" % (each.subject, each.seq, at, each.time_ns, len(each.data), each.data)
        if each.headers is None
        else b"HMSG %b 1 p%d.%d.%d.0 %d %d\r\n%b%b\r\n"
        % (
            each.subject,
            each.seq,
            at,
            each.time_ns,
            len(each.headers),
            len(each.headers + each.data),
            each.headers,
            each.data,
        )
        for at, each in enumerate(messages, 1)
    ]
    batch, _ = twin(b"1", b"p").cut(b"".join(frames), 0)
    assert batch is not None
    assert list(batch) == messages
    assert digested_bytes(batch) == b"".join(map(message_bytes, messages))
    one, other = ChunkDigester(CopyDigests(1, 1)), ChunkDigester(CopyDigests(1, 1))
    one.add(batch)
    other.add(messages)
    assert one.finish(5_000) == other.finish(5_000)
