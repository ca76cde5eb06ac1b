"""Messages that a server stores and on which a client may fail: unusual subjects, broken header blocks, unusual sizes."""

from __future__ import annotations

from tests.live.raw import Publication

MAX_PAYLOAD = 1 << 20
"""The default limit of a server for a message with its header block."""

SUBJECT_TOKENS = [
    b"\xff\xfe",  # not UTF-8
    b"\xff\xfd",  # equal to the one above once bytes are replaced by U+FFFD
    b"\xed\xa0\x80",  # a surrogate, encoded as UTF-8
    b"\xc2\x85\xc2\xa0\xe2\x80\xa8",  # spaces and line ends of Unicode
    b"a\x0bb",
    b"a\x0cb",
    b"\x1c\x1d\x1e\x1f",  # white space for str
    b"a\x00b",
    b"\x00",
    b"\x7f",
    b"*",
    b">",
    b"a*b>",
    b"$JS",
    b"\x1b[31mred",
    b"<script>alert(1)</script>",
    b'"quoted"\\',
    b"[bold]markup[/bold]",
    b"x" * 3000,
]

HEADER_BLOCKS = [
    b"NATS/1.0\r\n\r\n",
    b"NATS/1.0\r\nA: 1\r\nA: 2\r\na: 3\r\n\r\n",
    b"NATS/1.0",
    b"NATS/1.0\r\n",
    b"abc",
    b"\x00",
    b"NATS/1.0\r\nno colon\r\n: no name\r\n\r\n",
    b"NATS/1.0\r\nA: unterminated",
    b"NATS/1.0\nA: 1\n\n",
    b"NATS/9.9\r\nA: 1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\n",
    b"NATS/1.0\r\nA: \xff\xfe\r\n\xff: 1\r\n\r\n",
    b"NATS/1.0\r\nA: 1\r\n folded\r\n\r\nA: after the end\r\n\r\n",
    b"NATS/1.0\r\nA:  outer whitespace \t\r\n\r\n",
    b"NATS/1.0\r\nStatus: 404\r\n\r\n",
    b"NATS/1.0\r\nStatus: 408\r\nDescription: Request Timeout\r\n\r\n",
    b"NATS/1.0\r\nStatus: 409\r\nDescription: Consumer Deleted\r\n\r\n",
    b"NATS/1.0\r\nStatus: 503\r\n\r\n",
    b"NATS/1.0\r\nStatus: 100\r\nDescription: Idle Heartbeat\r\n\r\n",
    b"NATS/1.0\r\nStatus: 100\r\nDescription: FlowControl Request\r\n\r\n",
    b"NATS/1.0 404 No Messages\r\n\r\n",
    b"NATS/1.0 503\r\n\r\n",
    b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\n\r\n",
    b"NATS/1.0 409 Message Size Exceeds MaxBytes\r\nNats-Pending-Messages: 9\r\n\r\n",
    b"NATS/1.0\r\nNats-Stream: OTHER\r\nNats-Sequence: 1\r\nNats-Subject: x\r\nNats-Time-Stamp: y\r\n\r\n",
    b"NATS/1.0\r\nNats-Pending-Messages: 1\r\nNats-Num-Pending: 0\r\nNats-Last-Consumer: 7\r\n\r\n",
    b"NATS/1.0\r\nA: " + b"x" * (60 << 10) + b"\r\n\r\n",
]

PAYLOADS = [
    b"",
    b"\r\n",
    b"+OK\r\n-ERR 'Unknown Protocol Operation'\r\n",
    b"MSG a 1 5\r\nhello\r\n",
    bytes(range(256)),
    b"{" * 1000,
    b"x" * MAX_PAYLOAD,
]


def hostile_set(subject: bytes) -> list[Publication]:
    """Return all of them on subjects that begin with `subject`, which ends in a dot."""
    ordinary = subject + b"ordinary.ordinary-1"
    block = b"NATS/1.0\r\nA: 1\r\n\r\n"
    return [
        *(Publication(subject + b"order." + token, b"odd subject") for token in SUBJECT_TOKENS),
        *(Publication(ordinary, b"odd headers", headers) for headers in HEADER_BLOCKS),
        *(Publication(ordinary, b"", headers) for headers in HEADER_BLOCKS),
        *(Publication(ordinary, payload) for payload in PAYLOADS),
        Publication(ordinary, b"x" * (MAX_PAYLOAD - len(block)), block),
    ]
