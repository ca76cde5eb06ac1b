"""Parsing the bytes of a connection into frames."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nats.protocol.parser import Parser

from auditor.jetstream.connection.frames import MAX_MESSAGE_BYTES, ControlFrame, FrameParser, MsgFrame, ProtocolError

SINK = b"7"
"""The subscription that has a handler."""

SEPARATORS = b" \t\r\n"
"""The bytes at which a server splits a line. Any other byte can be in a stored subject."""

words = st.binary(min_size=1, max_size=12).map(lambda word: bytes(b for b in word if b not in SEPARATORS) or b"x")
bodies = st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"\r\n", b"PING\r\n", b"MSG a 7 3\r\nabc\r\n"]))


@st.composite
def messages(draw, words=words):
    return (
        draw(words),
        draw(st.sampled_from([b"1", SINK, b"12"])),
        draw(st.none() | words),
        draw(st.none() | bodies),
        draw(bodies),
    )


controls = st.sampled_from(
    [b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b"-ERR 'Slow Consumer'\r\n", b'INFO {"max_payload":1048576} \r\n']
)


def wire(message) -> bytes:
    subject, sid, reply, headers, payload = message
    line = [subject, sid] + ([reply] if reply is not None else [])
    if headers is None:
        return b" ".join([b"MSG", *line, b"%d" % len(payload)]) + b"\r\n" + payload + b"\r\n"
    sizes = [b"%d" % len(headers), b"%d" % (len(headers) + len(payload))]
    return b" ".join([b"HMSG", *line, *sizes]) + b"\r\n" + headers + payload + b"\r\n"


def parse(reads):
    """Return the messages of the handler and the other frames of these reads."""
    taken = []
    parser = FrameParser({SINK: taken.append})
    return taken, [frame for read in reads for frame in parser.feed(read)]


@given(st.lists(messages()))
def test_every_message_is_parsed_byte_for_byte(sent):
    taken, others = parse([b"".join(map(wire, sent))])
    assert taken == [(s, r or b"", h, p) for s, sid, r, h, p in sent if sid == SINK]
    assert others == [MsgFrame(int(sid), s, r or b"", h, p) for s, sid, r, h, p in sent if sid != SINK]


@given(st.lists(st.one_of(messages().map(wire), controls), max_size=8), st.data())
def test_the_frames_do_not_depend_on_where_reads_split_the_bytes(frames, data):
    stream = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    reads = [stream[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert parse(reads) == parse([stream])


@given(st.lists(st.one_of(messages().map(wire), controls), min_size=1, max_size=4))
def test_bytes_that_arrive_one_by_one_give_the_same_frames(frames):
    stream = b"".join(frames)
    assert parse([stream[at : at + 1] for at in range(len(stream))]) == parse([stream])


def test_a_large_message_in_many_reads_is_joined_once():
    payload = bytes(range(256)) * 4096
    stream = wire((b"a", SINK, None, b"NATS/1.0\r\n\r\n", payload)) + b"PING\r\n"
    taken, others = parse([stream[at : at + 1000] for at in range(0, len(stream), 1000)])
    assert taken == [(b"a", b"", b"NATS/1.0\r\n\r\n", payload)]
    assert others == [ControlFrame(b"PING", b"")]


class Recorder:
    """Collects the frames of nats-py's parser in place of a client."""

    def __init__(self):
        self.frames = []

    async def _process_msg(self, sid, subject, reply, payload, headers):
        self.frames.append(MsgFrame(sid, subject, reply, headers, payload))

    async def _process_ping(self):
        self.frames.append(ControlFrame(b"PING", b""))

    async def _process_pong(self):
        self.frames.append(ControlFrame(b"PONG", b""))


plain = st.text("abcdefgh.$*>_-0123456789", min_size=1, max_size=20).map(str.encode)


def with_a_header_block(message):
    """A server sends nothing as headers that does not begin like a header block."""
    subject, sid, reply, headers, payload = message
    return subject, sid, reply, None if headers is None else b"NATS/1.0\r\n" + headers + b"\r\n\r\n", payload


@given(st.lists(st.one_of(messages(words=plain).map(with_a_header_block), st.sampled_from([b"PING\r\n", b"PONG\r\n"]))))
@example([(b"a", b"1", b"r", b"NATS/1.0\r\n\r\n", b"")])
def test_messages_of_ordinary_clients_are_parsed_as_by_nats_py(sent):
    stream = b"".join(frame if isinstance(frame, bytes) else wire(frame) for frame in sent)
    recorder = Recorder()
    asyncio.run(Parser(recorder).parse(stream))
    parser = FrameParser({})
    assert parser.feed(stream) == recorder.frames


@pytest.mark.parametrize(
    "stream",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"MSG a 1\r\n",
        b"MSG a 1 x\r\n",
        b"MSG a 1 -2\r\n",
        b"MSG a x 1\r\na\r\n",
        b"MSG a 1 b c 1\r\n",
        b"HMSG a 1 9 5\r\n",
        b"HMSG a 1 -9 5\r\n",
        b"HMSG a 1 5\r\n",
        b"ping\r\n",
        b"\r\n",
        b"x" * (2 << 20),
    ],
)
def test_bytes_that_no_server_sends_raise_a_protocol_error(stream):
    with pytest.raises(ProtocolError):
        parse([stream])


def test_an_incomplete_frame_gives_nothing_yet():
    assert parse([b"MSG a 7 10\r\nhalf"]) == ([], [])
    assert parse([b"MSG a"]) == ([], [])


@pytest.mark.parametrize("line", [b"MSG a 1 %d\r\n", b"HMSG a 1 12 %d\r\n", b"MSG a 99999 %d\r\n"])
def test_a_message_longer_than_any_that_a_server_sends_raises_a_protocol_error_before_it_has_arrived(line):
    parser = FrameParser({})
    assert parser.feed(line % MAX_MESSAGE_BYTES) == []
    for size in (MAX_MESSAGE_BYTES + 1, 99_999_999_999, int("9" * 4000)):
        with pytest.raises(ProtocolError):
            FrameParser({}).feed(line % size)
