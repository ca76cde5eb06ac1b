"""The lies, by name: what a proxy changes, and the pass that has to notice."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from tests.live.lies.proxy import CutError, Frame, Honest, Lie

if TYPE_CHECKING:
    from collections.abc import Callable

MIDDLE = 40
"""A sequence in the middle of the stream, of an event."""
AT_MIDDLE = frozenset({MIDDLE})


class Scenario(Enum):
    """The pass that a lie is for."""

    FIRST = auto()
    """The first pass over a clean stream. It saves nothing."""
    AGAIN = auto()
    """An incremental pass of a new process after an honest full one; nothing was published since."""
    NAMED = auto()
    """The first pass of an audit that names two actors."""
    RECORDS = auto()
    """The first pass over a damaged stream, whose records are to be stored. With a lie, some must be pending."""


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    scenario: Scenario
    name: str
    make: Callable[[], Lie]

    @property
    def waits(self) -> bool:
        """Return whether the pass waits for what does not come, until it is interrupted."""
        return str(self) in WAITING

    @property
    def is_harmless(self) -> bool:
        """Return whether the pass reads the whole stream as it is, and is clean."""
        return str(self) in HARMLESS

    def __str__(self) -> str:
        return f"{self.scenario.name.lower()}: {self.name}"


class ToDeliveries(Honest):
    """Changes the deliveries at some sequences, or all."""

    def __init__(self, change: Callable[[Frame], bytes | list[bytes]], seqs: frozenset[int] | None = AT_MIDDLE) -> None:
        self._change = change
        self._seqs = seqs

    def down(self, frame: Frame) -> bytes | list[bytes]:
        is_meant = frame.is_delivery and (self._seqs is None or frame.seq in self._seqs)
        return self._change(frame) if is_meant else frame.bytes()


class ToAnswers(Honest):
    """Changes the JSON of the answers to one kind of request."""

    def __init__(self, request: str, change: Callable[[Any], Any], condition: Callable[[Any], bool] | None = None):
        self._request = request
        self._change = change
        self._condition = condition or (lambda _: True)

    def down(self, frame: Frame) -> bytes | list[bytes]:
        if frame.is_delivery or not frame.api.startswith(self._request) or not self._condition(frame.json):
            return frame.bytes()
        return frame.saying(self._change(frame.json))


class ToServerInfo(Honest):
    """Changes the INFO line."""

    def __init__(self, change: Callable[[Any], Any]) -> None:
        self._change = change

    def down(self, frame: Frame) -> bytes | list[bytes]:
        return frame.saying(self._change(frame.json)) if frame.op == b"INFO" else frame.bytes()


class ToAcks(Honest):
    """Changes the answers of a stream to messages published below a subject."""

    def __init__(self, change: Callable[[Any], Any], subject: bytes = b"records.") -> None:
        self._change = change
        self._subject = subject

    def down(self, frame: Frame) -> bytes | list[bytes]:
        if not frame.request.startswith(self._subject):
            return frame.bytes()
        return frame.saying(self._change(frame.json))


class Swallowed(Honest):
    """Keeps records from the server, and acknowledges them."""

    def __init__(self) -> None:
        self._seq = 0

    def up(self, frame: Frame) -> tuple[bytes, bytes]:
        if not frame.subject.startswith(b"records."):
            return frame.bytes(), b""
        self._seq += 1
        stream = b"RECORDS-" + frame.subject.split(b".")[1]
        ack = b'{"stream":"%b","seq":%d}' % (stream, self._seq)
        # All replies arrive in one inbox. No inbox of another kind is open before the first record is sent.
        return b"", b"MSG %b 1 %d\r\n%b\r\n" % (frame.reply, len(ack), ack)


class Silent(Honest):
    """Passes on nothing after some deliveries, or no answer to one kind of request."""

    def __init__(self, after: int | None = None, request: str | None = None) -> None:
        self._left = after
        self._request = request

    def down(self, frame: Frame) -> bytes | list[bytes]:
        if self._request is not None:
            return b"" if frame.api.startswith(self._request) else frame.bytes()
        if frame.is_delivery and self._left is not None:
            self._left -= 1
        return b"" if self._left is not None and self._left < 0 else frame.bytes()


class Swapped(Honest):
    """Exchanges two deliveries."""

    def __init__(self) -> None:
        self._held = b""

    def down(self, frame: Frame) -> bytes | list[bytes]:
        if frame.is_delivery and frame.seq == MIDDLE:
            self._held = frame.bytes()
            return b""
        if frame.is_delivery and frame.seq == MIDDLE + 1:
            return frame.bytes() + self._held
        return frame.bytes()


class Shifted(Honest):
    """Gives each delivery the body of the delivery before."""

    def __init__(self) -> None:
        self._body = b""

    def down(self, frame: Frame) -> bytes | list[bytes]:
        if not frame.is_delivery:
            return frame.bytes()
        body, self._body = self._body or frame.body, frame.body
        return replace(frame, body=body).bytes()


class Flooded(Honest):
    """Sends something again and again once the walk begins."""

    def __init__(self, what: Callable[[Frame], bytes], times: int) -> None:
        self._what = what
        self._times = times

    def down(self, frame: Frame) -> bytes | list[bytes]:
        return self._what(frame) * self._times if frame.is_delivery else frame.bytes()


def status(text: bytes, more: bytes = b"") -> Callable[[Frame], bytes]:
    def change(frame: Frame) -> bytes:
        headers = b"NATS/1.0 " + text + b"\r\n" + more + b"\r\n"
        return replace(frame, op=b"HMSG", reply=b"", headers=headers, body=b"").bytes()

    return change


def cut(_: Frame) -> bytes:
    raise CutError


def as_plain(frame: Frame) -> bytes:
    """The headers as a part of the body."""
    return replace(frame, op=b"MSG", headers=None, body=(frame.headers or b"") + frame.body).bytes()


def as_headers(frame: Frame) -> bytes:
    """A part of the body as headers."""
    return replace(frame, op=b"HMSG", headers=(frame.headers or b"") + frame.body[:10], body=frame.body[10:]).bytes()


def sized(*deltas: int) -> Callable[[Frame], bytes]:
    """Other sizes: of the headers and of the whole."""

    def change(frame: Frame) -> bytes:
        headers = frame.headers or b"NATS/1.0\r\n\r\n"
        line = replace(frame, op=b"HMSG").line(len(headers) + deltas[0], len(headers) + len(frame.body) + deltas[1])
        return line + headers + frame.body + b"\r\n"

    return change


def without_sizes(frame: Frame) -> bytes:
    return frame.line() + frame.body + b"\r\n"


def set_at(path: str, value: Any) -> Callable[[Any], Any]:
    """Set a value in a document."""

    def change(document: Any) -> Any:
        place = document
        *keys, last = path.split(".")
        for key in keys:
            place = place.setdefault(key, {})
        place[last] = value
        return document

    return change


def remove(path: str) -> Callable[[Any], Any]:
    def change(document: Any) -> Any:
        place = document
        *keys, last = path.split(".")
        for key in keys:
            place = place.get(key, {})
        place.pop(last, None)
        return document

    return change


def add(**deltas: int) -> Callable[[Any], Any]:
    """Add to numbers of the state."""

    def change(document: Any) -> Any:
        for name, delta in deltas.items():
            document["state"][name] = document["state"].get(name, 0) + delta
        return document

    return change


def both(*changes: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def change(document: Any) -> Any:
        for each in changes:
            document = each(document)
        return document

    return change


def of_message(name: str, value: Any) -> Callable[[Any], Any]:
    """Change a value of a message in an answer to STREAM.MSG.GET, if there is a message."""

    def change(document: Any) -> Any:
        if "message" in document:
            document["message"][name] = value
        return document

    return change


def next_seq(document: Any) -> Any:
    if "message" in document:
        document["message"]["seq"] += 1
    return document


def other_bytes(document: Any) -> Any:
    if "message" in document:
        data = base64.b64decode(document["message"].get("data", ""))
        document["message"]["data"] = base64.b64encode(data[:-1] + b" ").decode()
    return document


def not_found(document: Any) -> Any:
    return {"type": document["type"], "error": {"code": 404, "err_code": 10037, "description": "no message found"}}


def garbage(_: Any) -> bytes:
    return b'{"config": {"name": [[[['


INFO = "STREAM.INFO.S"
CREATE = "CONSUMER.CREATE.S."
GET = "STREAM.MSG.GET.S"


def deliveries(name: str, change: Callable[[Frame], Any], seqs: frozenset[int] | None = AT_MIDDLE) -> Row:
    return Row(Scenario.FIRST, f"delivery: {name}", lambda: ToDeliveries(change, seqs))


def info(name: str, change: Callable[[Any], Any], scenario: Scenario = Scenario.FIRST) -> Row:
    return Row(scenario, f"STREAM.INFO: {name}", lambda: ToAnswers(INFO, change))


def details(name: str, change: Callable[[Any], Any]) -> Row:
    """A lie only in answers that list the deleted sequences."""
    return Row(
        Scenario.FIRST,
        f"STREAM.INFO: {name}",
        lambda: ToAnswers(INFO, change, lambda found: "deleted" in found["state"]),
    )


def created(name: str, change: Callable[[Any], Any], scenario: Scenario = Scenario.FIRST) -> Row:
    return Row(scenario, f"CONSUMER.CREATE: {name}", lambda: ToAnswers(CREATE, change))


def got(name: str, change: Callable[[Any], Any], scenario: Scenario = Scenario.AGAIN) -> Row:
    return Row(scenario, f"STREAM.MSG.GET: {name}", lambda: ToAnswers(GET, change))


def connection(name: str, change: Callable[[Any], Any]) -> Row:
    return Row(Scenario.FIRST, f"INFO: {name}", lambda: ToServerInfo(change))


def acks(name: str, change: Callable[[Any], Any]) -> Row:
    return Row(Scenario.RECORDS, f"acknowledgement: {name}", lambda: ToAcks(change))


def named(name: str, change: Callable[[Frame], Any]) -> Row:
    return Row(Scenario.NAMED, name, lambda: ToDeliveries(change, None))


WAITING = frozenset(
    {
        "first: delivery: an unknown subscription",
        "first: delivery: every one dropped",
        "first: delivery: another consumer sequence",
        "first: delivery: the name of another stream",
        "first: delivery: the name of another consumer",
        "first: delivery: delivered for the second time",
        "first: delivery: no reply subject",
        "first: delivery: the status 404 No Messages",
        "first: delivery: the status 408 Request Timeout",
        "first: delivery: the status 409 Consumer Deleted",
        "first: delivery: the status 503",
        "first: delivery: the status 100 Idle Heartbeat",
        "first: delivery: the status 200 OK",
        "first: delivery: a batch completed too early",
        "first: delivery: a completed batch of odd size",
        "first: status: endless heartbeats",
        "first: status: endless completed batches",
        "first: delivery: one every now and then",
        "first: silence from the start",
        "first: silence in the middle",
        "first: silence about consumers",
        "first: CONSUMER.CREATE: pending as text",
        "first: CONSUMER.CREATE: garbage",
    }
)
HARMLESS = frozenset(
    {
        "first: delivery: nothing pending in the middle",
        "first: delivery: nothing pending from the first on",
        "first: delivery: pending that is no number",
        "first: delivery: more pending than there are",
        "first: delivery: twice",
        "first: delivery: the same one for ever",
        "first: silence about statuses",
        "first: CONSUMER.CREATE: fewer pending",
        "again: STREAM.MSG.GET: another subject",
    }
)

LIES: tuple[Row, ...] = (
    # The reply subject of a delivery.
    deliveries("an earlier sequence", lambda frame: frame.token(5, b"3")),
    deliveries("a later sequence", lambda frame: frame.token(5, b"100000")),
    deliveries("the sequence 0", lambda frame: frame.token(5, b"0")),
    deliveries("a negative sequence", lambda frame: frame.token(5, b"-40")),
    deliveries("an endless sequence", lambda frame: frame.token(5, b"9" * 3000)),
    deliveries("a sequence that is no number", lambda frame: frame.token(5, b"4O")),
    deliveries("another consumer sequence", lambda frame: frame.token(6, b"77"), None),
    deliveries("no consumer sequence", lambda frame: frame.token(6, b"")),
    deliveries("a time that is no number", lambda frame: frame.token(7, b"now")),
    deliveries("a time of another age", lambda frame: frame.token(7, b"-5"), None),
    deliveries("an hour later", lambda frame: frame.token(7, b"%d" % (int(frame.tokens[7]) + 3_600_000_000_000)), None),
    deliveries("nothing pending in the middle", lambda frame: frame.token(8, b"0")),
    deliveries("nothing pending from the first on", lambda frame: frame.token(8, b"0"), None),
    deliveries("pending that is no number", lambda frame: frame.token(8, b"many")),
    deliveries("more pending than there are", lambda frame: frame.token(8, b"99999"), None),
    deliveries("the name of another stream", lambda frame: frame.token(2, b"OTHER"), None),
    deliveries("the name of another consumer", lambda frame: frame.token(3, b"auditor-other"), None),
    deliveries("delivered for the second time", lambda frame: frame.token(4, b"2"), None),
    deliveries("no reply subject", lambda frame: replace(frame, reply=b"").bytes(), None),
    deliveries("an unknown subscription", lambda frame: replace(frame, sid=b"77").bytes(), None),
    # Deliveries as a whole.
    deliveries("dropped", lambda _: b""),
    deliveries("every one dropped", lambda _: b"", None),
    deliveries("twice", lambda frame: frame.bytes() * 2),
    deliveries("the same one for ever", lambda frame: frame.bytes() * 3000),
    Row(Scenario.FIRST, "delivery: exchanged with the next", Swapped),
    Row(Scenario.FIRST, "delivery: the body of the one before", Shifted),
    deliveries(
        "on the subject of another actor", lambda frame: replace(frame, subject=b"S.events.order.order-9").bytes()
    ),
    deliveries("on a subject outside of the stream", lambda frame: replace(frame, subject=b"OTHER.x").bytes()),
    deliveries("every one outside of the stream", lambda frame: replace(frame, subject=b"OTHER.x").bytes(), None),
    deliveries(
        "another version in the body",
        lambda frame: replace(frame, body=frame.body.replace(b'"version":', b'"version":1')).bytes(),
    ),
    deliveries(
        "other bytes in every body",
        lambda frame: replace(frame, body=frame.body.replace(b"note", b"nota")).bytes(),
        None,
    ),
    deliveries("without headers", lambda frame: replace(frame, op=b"MSG", headers=None).bytes(), None),
    deliveries(
        "other headers", lambda frame: replace(frame, op=b"HMSG", headers=b"NATS/1.0\r\nA: 1\r\n\r\n").bytes(), None
    ),
    deliveries("no body", lambda frame: replace(frame, body=b"").bytes()),
    deliveries("half of the body", lambda frame: replace(frame, body=frame.body[: len(frame.body) // 2]).bytes()),
    # Sizes and the kind of the frame.
    deliveries("MSG with headers in the body", as_plain),
    deliveries("HMSG with the body in the headers", as_headers),
    deliveries("a size that is too small", sized(0, -3)),
    deliveries("a size that is too large", sized(0, 3)),
    deliveries("headers that end in the body", sized(5, 0)),
    deliveries("headers larger than the whole", sized(10_000, 0)),
    deliveries("a negative size", sized(0, -100_000)),
    deliveries("a size of 2 GiB", sized(0, 2 << 30)),
    deliveries("no size", without_sizes),
    deliveries("a line without an end", lambda _: b"MSG " + b"x" * (3 << 20)),
    deliveries("a line that the protocol does not have", lambda _: b"HELLO 1\r\n"),
    deliveries("the connection is cut", cut),
    # Statuses of pulls.
    *(
        deliveries(f"the status {text.decode()}", status(text), None)
        for text in (
            b"404 No Messages",
            b"408 Request Timeout",
            b"409 Consumer Deleted",
            b"503",
            b"100 Idle Heartbeat",
            b"200 OK",
        )
    ),
    deliveries("a batch completed too early", status(b"409 Batch Completed", b"Nats-Pending-Messages: 2000\r\n"), None),
    deliveries(
        "a completed batch of odd size",
        status(b"409 Batch Completed", b"Nats-Pending-Messages: 99999999999999999\r\n"),
        None,
    ),
    Row(Scenario.FIRST, "status: endless heartbeats", lambda: Flooded(status(b"100 Idle Heartbeat"), 50)),
    Row(
        Scenario.FIRST,
        "status: endless completed batches",
        lambda: Flooded(status(b"409 Batch Completed", b"Nats-Pending-Messages: 0\r\n"), 50),
    ),
    # Time.
    deliveries("one every now and then", lambda frame: [b"", b"", b"", b"", frame.bytes()], None),
    Row(Scenario.FIRST, "silence from the start", lambda: Silent(after=0)),
    Row(Scenario.FIRST, "silence in the middle", lambda: Silent(after=30)),
    Row(Scenario.FIRST, "silence about the stream", lambda: Silent(request=INFO)),
    Row(Scenario.FIRST, "silence about consumers", lambda: Silent(request="CONSUMER.CREATE")),
    Row(Scenario.FIRST, "silence about statuses", lambda: Silent(request="CONSUMER.MSG.NEXT")),
    Row(Scenario.AGAIN, "silence about single messages", lambda: Silent(request=GET)),
    Row(Scenario.AGAIN, "silence about saved state", lambda: Silent(request="STREAM.MSG.GET.AETHER_AUDIT")),
    # Stream info.
    info("fewer messages", add(messages=-3)),
    info("more messages", add(messages=3)),
    info("fewer messages, more deleted", add(messages=-3, num_deleted=3)),
    info("more messages, fewer deleted", add(messages=2, num_deleted=-2)),
    info("negative messages", set_at("state.messages", -1)),
    info("huge messages", set_at("state.messages", 1 << 70)),
    info("messages as a float", set_at("state.messages", 1.5)),
    info("messages as text", set_at("state.messages", "125")),
    info("messages as null", set_at("state.messages", None)),
    info("without messages", remove("state.messages")),
    info("no messages at all", both(set_at("state.messages", 0), set_at("state.bytes", 0))),
    info("an empty stream", set_at("state", {"messages": 0, "bytes": 0, "first_seq": 0, "last_seq": 0})),
    info("a later first sequence", add(first_seq=7)),
    info("a later first sequence, fewer messages", add(first_seq=7, messages=-7)),
    info("an earlier first sequence, more messages", add(first_seq=-4, messages=4)),
    info("an earlier last sequence", add(last_seq=-7)),
    info("an earlier last sequence, fewer messages", add(last_seq=-7, messages=-7)),
    info("a later last sequence, more messages", add(last_seq=7, messages=7)),
    info("a huge last sequence", both(set_at("state.last_seq", 1 << 62), set_at("state.messages", 1 << 62))),
    info("a last sequence beyond 64 bits", set_at("state.last_seq", 1 << 64)),
    info("a negative first sequence", set_at("state.first_seq", -5)),
    info("without a state", remove("state")),
    info("without a configuration", remove("config")),
    info("the configuration of another stream", set_at("config.name", "OTHER")),
    info("limits as text", set_at("config.max_age", "long")),
    info("without a creation time", remove("created")),
    info("a creation time that is no time", set_at("created", "yesterday")),
    info("no bytes", set_at("state.bytes", 0)),
    info("bytes as a float", set_at("state.bytes", 0.5)),
    info("garbage", garbage),
    info("a list", lambda _: [1]),
    info("an error that does not exist", set_at("error", {"code": 400, "err_code": 99999, "description": "?"})),
    info("an error that is text", set_at("error", "no")),
    info("everything lost", set_at("state.lost", {"msgs": list(range(6, 131)), "bytes": 9})),
    info("lost sequences that are no numbers", set_at("state.lost", {"msgs": ["7"], "bytes": 9})),
    info("lost bytes below 0", set_at("state.lost", {"msgs": [7], "bytes": -9})),
    details("a deleted sequence that is stored", both(add(num_deleted=0), set_at("state.deleted", [63, 64, 66, 70]))),
    details("another deleted sequence", set_at("state.deleted", [63, 64, 70])),
    details("fewer deleted sequences listed", set_at("state.deleted", [63])),
    details("deleted sequences that are no numbers", set_at("state.deleted", ["63"])),
    details("deleted sequences twice", set_at("state.deleted", [63, 63, 64, 66])),
    details("deleted sequences outside of the stream", set_at("state.deleted", [63, 64, 100_000])),
    info("created again", set_at("created", "2020-01-01T00:00:00Z"), Scenario.AGAIN),
    info("rolled back", add(last_seq=-7, messages=-7), Scenario.AGAIN),
    info("grown", add(last_seq=7, messages=7), Scenario.AGAIN),
    info("a later first sequence, fewer messages", add(first_seq=7, messages=-7), Scenario.AGAIN),
    info("more deleted", add(messages=-3, num_deleted=3), Scenario.AGAIN),
    # Consumers.
    created("nothing pending", set_at("num_pending", 0)),
    created("fewer pending", set_at("num_pending", 5)),
    created("pending as text", set_at("num_pending", "5")),
    created("another stream", set_at("stream_name", "OTHER")),
    created("another consumer", set_at("name", "other")),
    created("another start", set_at("config.opt_start_seq", 50)),
    created("another way to deliver", set_at("config.deliver_policy", "new")),
    created("a filter", set_at("config.filter_subject", "S.events.order.order-1")),
    created("several filters", set_at("config.filter_subjects", ["S.events.order.order-1", "S.note"])),
    created("acknowledgements", set_at("config.ack_policy", "explicit")),
    created("pushed", set_at("config.deliver_subject", "elsewhere")),
    created("headers only", set_at("config.headers_only", True)),
    created("without a configuration", remove("config")),
    created("garbage", garbage),
    created("an empty answer", lambda _: {}),
    created("another filter", set_at("config.filter_subject", "S.events.order.order-9"), Scenario.NAMED),
    # Single messages.
    got("other bytes", other_bytes),
    got("another sequence", next_seq),
    got("another subject", of_message("subject", "S.events.order.order-9")),
    got("another time", of_message("time", "2020-01-01T00:00:00Z")),
    got("a time that is no time", of_message("time", "noon")),
    got("a body that is not base64", of_message("data", "!!!")),
    got("other headers", of_message("hdrs", base64.b64encode(b"NATS/1.0\r\nA: 1\r\n\r\n").decode())),
    got("does not exist", not_found),
    got("without a message", remove("message")),
    got("a sequence that is text", of_message("seq", "1")),
    got("garbage", garbage),
    got("other bytes", other_bytes, Scenario.FIRST),
    got("another subject", of_message("subject", "S.events.order.order-9"), Scenario.FIRST),
    got("does not exist", not_found, Scenario.FIRST),
    got("other bytes", other_bytes, Scenario.NAMED),
    got("another sequence", next_seq, Scenario.NAMED),
    got("another subject", of_message("subject", "S.events.order.order-9"), Scenario.NAMED),
    got("does not exist", not_found, Scenario.NAMED),
    # Counts of subjects.
    Row(Scenario.NAMED, "STREAM.INFO: no subjects", lambda: ToAnswers(INFO, remove("state.subjects"))),
    Row(
        Scenario.NAMED,
        "STREAM.INFO: more messages on a subject",
        lambda: ToAnswers(INFO, set_at("state.subjects", {"S.events.order.order-1": 99})),
    ),
    Row(Scenario.NAMED, "STREAM.INFO: subjects as a list", lambda: ToAnswers(INFO, set_at("state.subjects", [1]))),
    Row(
        Scenario.NAMED,
        "STREAM.INFO: a negative count",
        lambda: ToAnswers(INFO, set_at("state.subjects", {"S.events.order.order-1": -1})),
    ),
    named(
        "delivery: on the subject of another actor",
        lambda frame: replace(frame, subject=b"S.events.order.order-9").bytes(),
    ),
    named("delivery: on a subject outside of the stream", lambda frame: replace(frame, subject=b"OTHER.x").bytes()),
    # The line with which a server begins.
    connection("max_payload 0", set_at("max_payload", 0)),
    connection("max_payload huge", set_at("max_payload", 1 << 60)),
    connection("max_payload negative", set_at("max_payload", -1)),
    connection("max_payload as text", set_at("max_payload", "1048576")),
    connection("max_payload as a float", set_at("max_payload", 1.5)),
    connection("without max_payload", remove("max_payload")),
    connection("without headers", set_at("headers", False)),
    connection("says nothing of headers", remove("headers")),
    connection("without a server id", remove("server_id")),
    connection("a version that is a number", set_at("version", 2)),
    connection("garbage", garbage),
    connection("a list", lambda _: [1]),
    connection("empty", lambda _: {}),
    # Acknowledgements of records.
    acks("another stream", set_at("stream", "OTHER")),
    acks("no stream", remove("stream")),
    acks("another sequence", set_at("seq", 100_000)),
    acks("the same sequence for all", set_at("seq", 1)),
    acks("the sequence 0", set_at("seq", 0)),
    acks("a negative sequence", set_at("seq", -1)),
    acks("a sequence that is text", set_at("seq", "1")),
    acks("a duplicate", set_at("duplicate", True)),
    acks("an error", set_at("error", {"code": 500, "err_code": 99999, "description": "?"})),
    acks("garbage", garbage),
    Row(Scenario.RECORDS, "acknowledgement: of what is not stored", Swallowed),
)
