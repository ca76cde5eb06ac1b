"""nats-py, hardened: nothing that a server stores or says can wedge it, and what fails fails at once and in words.

It overrides private methods of the one release that is pinned; `tests/jetstream/test_client.py` holds it to them.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nats import errors
from nats.aio.client import Client as NatsClient

from auditor.errors import AuditorError, ConnectionFailedError
from auditor.jetstream.credentials import check_files, credentials, tls_context, wants_tls
from auditor.jetstream.frames import Delivery, FrameParser
from auditor.jetstream.troubles import denied, in_words, without_secrets

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from nats.aio.msg import Msg

    from auditor.config import NatsConfig
    from auditor.jetstream.frames import Control, RawMessage

READ_SIZE = 1 << 20
"""Bytes taken from the socket's buffer at once: more than it ever holds."""
CONNECT_TIMEOUT = 5
PING_INTERVAL = 10
"""Seconds. A connection that is dead without saying so is noticed after three."""
RECONNECT_WAIT = 0.5
"""Seconds between two tries of the same server."""
NO_RESPONDERS = b"NATS/1.0 503"
"""An inline status: the server strips those from what it stores, so no stored message can pretend to be one."""

VIOLATION = re.compile(r'permissions violation for (publish|subscription)[^"]*"([^"]*)"', re.IGNORECASE)


async def connect(config: NatsConfig) -> Client:
    """A connected client. Tries each server once; raises ConnectionFailedError, so that the caller decides about more."""
    check_files(config)
    tls_context(config)
    client = Client(config)
    try:
        await client.dial()
    except BaseException:
        await client.close()
        raise
    return client


class Inbox:
    """A subscription that takes its messages raw, as they come. It lives as long as the connection at most."""

    def __init__(self, subject: str, on_arrival: Callable[[Inbox], object]) -> None:
        self.subject = subject
        self.messages: list[RawMessage] = []
        """What has come; the one who takes it clears the list."""
        self.on_arrival = on_arrival
        """Called after a read that brought messages, and when `failed` is set."""
        self.asked = ""
        """The subject of the requests whose answers come here."""
        self.failed: Exception | None = None
        """Why nothing will come any more: the connection was lost, or the server refused subscription or requests."""


class Client(NatsClient):
    """A connection to NATS. It reconnects by itself, for ever; only its owner closes it.

    Requests that are in flight when the connection goes fail at once, and are not sent again when it is back.
    """

    def __init__(self, config: NatsConfig) -> None:
        super().__init__()
        self.trouble = ""
        """The last thing that went wrong, in words, to show while there is no connection."""
        self._config = config
        self._up = asyncio.Event()
        self._inboxes: dict[int, Inbox] = {}
        self._sinks: dict[bytes, Callable[[RawMessage], object]] = {}
        self._answers: Inbox | None = None
        self._asking = asyncio.Lock()
        self._asked: dict[bytes, tuple[str, asyncio.Future[RawMessage]]] = {}

    async def dial(self) -> None:
        """Connect for the first time."""
        try:
            await self.connect(
                servers=list(self._config.servers),
                name="aether-auditor",
                inbox_prefix=self._config.inbox_prefix,
                error_cb=self._on_error,
                reconnected_cb=self._on_connected,
                connect_timeout=CONNECT_TIMEOUT,
                ping_interval=PING_INTERVAL,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                **credentials(self._config),
            )
        except Exception as error:
            servers = ", ".join(without_secrets(server) for server in self._config.servers)
            raise ConnectionFailedError(
                f"cannot connect to NATS at {servers}: {self.trouble or in_words(error)}"
            ) from error
        self.options.update(max_reconnect_attempts=-1, reconnect_time_wait=RECONNECT_WAIT)
        await self._on_connected()

    async def wait_connected(self) -> None:
        """Return once the connection is up. Raises ConnectionFailedError if the client is closed."""
        await self._up.wait()
        if self.is_closed:
            raise ConnectionFailedError("the connection to NATS was closed")

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 5.0,  # noqa: ASYNC109 - nats-py's signature
        old_style: bool = False,  # noqa: ARG002, FBT001, FBT002 - nats-py's signature; one inbox serves both styles
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """Publish and wait for the answer.

        Raises PermissionDeniedError as soon as the server refuses the subject, and nats-py's errors: NoRespondersError,
        TimeoutError, ConnectionReconnectingError, ConnectionClosedError, MaxPayloadError.
        """
        if not self.is_connected:
            raise errors.ConnectionClosedError if self.is_closed else errors.ConnectionReconnectingError
        inbox = await self._open_answers()
        token = bytes(self._nuid.next())
        future: asyncio.Future[RawMessage] = asyncio.get_running_loop().create_future()
        self._asked[token] = subject, future
        try:
            await self.publish(subject, payload, reply=inbox.subject[:-1] + token.decode(), headers=headers)
            answer_subject, reply, header_block, data = await asyncio.wait_for(future, timeout)
        except TimeoutError:
            raise errors.TimeoutError from None
        finally:
            del self._asked[token]
        if header_block is not None and header_block.startswith(NO_RESPONDERS):
            raise errors.NoRespondersError
        return self._build_message(0, answer_subject, reply, data, await self._process_headers(header_block))

    async def publish(
        self, subject: str, payload: bytes = b"", reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """Raises MaxPayloadError for what the server would answer by cutting the connection: headers count too."""
        if len(payload) + _header_size(headers) > self.max_payload:
            raise errors.MaxPayloadError
        await super().publish(subject, payload, reply, headers)

    async def open_inbox(self, on_arrival: Callable[[Inbox], object], suffix: str = "") -> Inbox:
        """A fresh inbox; `suffix` (".*") makes it wider."""
        inbox = Inbox(self.new_inbox() + suffix, on_arrival)
        subscription = await self.subscribe(inbox.subject)
        self._inboxes[subscription._id] = inbox  # noqa: SLF001 - nats-py has no public name for it
        self._sinks[b"%d" % subscription._id] = inbox.messages.append  # noqa: SLF001 - as above
        return inbox

    async def ask_into(self, inbox: Inbox, subject: str, payload: bytes) -> None:
        """Publish a request whose answers come into `inbox`; it fails if the server refuses the subject."""
        inbox.asked = subject
        await self.publish(subject, payload, reply=inbox.subject)

    async def close_inbox(self, inbox: Inbox) -> None:
        """Take no more from it."""
        for sid in [sid for sid, known in self._inboxes.items() if known is inbox]:
            self._remove_sub(sid)
            if self.is_connected:
                await self._send_unsubscribe(sid)

    async def _open_answers(self) -> Inbox:
        async with self._asking:
            if self._answers is None:
                self._answers = await self.open_inbox(self._deliver_answers, ".*")
        if self._answers.failed is not None:
            raise self._answers.failed
        return self._answers

    def _deliver_answers(self, answers: Inbox) -> None:
        for message in answers.messages:
            _, future = self._asked.get(message[0].rpartition(b".")[2], (None, None))
            if future is not None and not future.done():
                future.set_result(message)
        answers.messages.clear()

    def _fail(self, why: Callable[[], Exception], *, asked: str | None = None) -> None:
        """Let every request fail that is in flight, or only those on the subject `asked`."""
        for subject, future in self._asked.values():
            if asked in (None, subject) and not future.done():
                future.set_exception(why())

    def _lost(self) -> None:
        """The connection has gone: nothing that was asked over it will be answered, or is to be sent over another."""
        self._up.clear()
        self._pending.clear()
        self._pending_data_size = 0
        gone = errors.ConnectionClosedError if self.is_closed else errors.ConnectionReconnectingError
        self._fail(gone)
        self._answers = None
        for sid, inbox in list(self._inboxes.items()):
            self._remove_sub(sid)
            inbox.failed = gone()
            inbox.on_arrival(inbox)

    # What follows nats-py calls, in place of its own.

    def _setup_server_pool(self, connect_url: list[str]) -> None:
        super()._setup_server_pool(connect_url)
        for server in self._server_pool:
            server.reconnects = 1  # of at most 1 until the first success, so each is tried once

    @property
    def ssl_context(self) -> ssl.SSLContext:
        with _as_nats_error():
            return tls_context(self._config)

    def _connect_command(self) -> bytes:
        if wants_tls(self._config) and not self._server_info.get("tls_required"):
            raise errors.SecureConnWantedError  # nats-py would send the password in the clear
        with _as_nats_error():
            check_files(self._config)
        return super()._connect_command()

    async def _process_connect_init(self) -> None:
        try:
            await super()._process_connect_init()
        except ConnectionError as error:
            if self._server_info.get("auth_required"):  # its -ERR is lost when the reset overtakes it
                raise errors.AuthorizationError from error
            raise
        if not self.is_connected:  # neither PONG nor -ERR came; nats-py goes on as if it had
            for task in (self._reading_task, self._ping_interval_task, self._flusher_task):
                assert task is not None
                task.cancel()
            raise errors.UnexpectedEOF

    async def _attempt_reconnect(self) -> None:
        while not (self.is_closed or self.is_connected):
            try:
                await super()._attempt_reconnect()
            except Exception as error:  # noqa: BLE001 - what nats-py does not expect would end its reconnecting for good
                await self._on_error(error)
                await asyncio.sleep(RECONNECT_WAIT)

    async def _process_op_err(self, e: Exception) -> None:
        if self.is_connected:
            await self._on_error(e)
            self._lost()
        await super()._process_op_err(e)

    async def _close(self, status: int, do_cbs: bool = True) -> None:  # noqa: FBT001, FBT002 - nats-py's signature
        if self._flush_queue is not None:  # else it never came to a connection
            trouble = self.trouble
            await super()._close(status, do_cbs)
            self.trouble = trouble  # what closing itself runs into explains nothing
        self._lost()
        self._up.set()  # for those who wait: they see that it is closed

    async def _on_error(self, error: Exception) -> None:
        if not isinstance(error, errors.NoServersError):
            self.trouble = in_words(error)

    async def _on_connected(self) -> None:
        self._up.set()

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        super()._remove_sub(sid, max_msgs)
        self._inboxes.pop(sid, None)
        self._sinks.pop(b"%d" % sid, None)

    async def _read_loop(self) -> None:
        assert self._transport is not None
        parser = FrameParser(self._sinks)
        try:
            while data := await self._transport.read(READ_SIZE):
                for frame in parser.feed(data):
                    await self._take(frame)
                for inbox in list(self._inboxes.values()):
                    if inbox.messages:
                        inbox.on_arrival(inbox)
            await self._process_op_err(errors.UnexpectedEOF())
        except Exception as error:  # noqa: BLE001 - whatever it is, the cure is a new connection
            await self._process_op_err(error)

    async def _take(self, frame: Delivery | Control) -> None:
        if isinstance(frame, Delivery):
            await self._process_msg(frame.sid, frame.subject, frame.reply, frame.payload, frame.headers or b"")
        elif frame.op == b"PING":
            await self._process_ping()
        elif frame.op == b"PONG":
            await self._process_pong()
        elif frame.op == b"INFO":
            info = json.loads(frame.argument)
            self._max_payload = info.get("max_payload", self._max_payload)
            await self._process_info(info)
        elif frame.op == b"-ERR":
            await self._process_err(frame.argument.decode(errors="replace").strip(" '"))

    async def _process_pong(self) -> None:
        if self._pongs and self._pongs[0].done():  # a flush that gave up; nats-py would fall over it
            self._pongs.pop(0)
        else:
            await super()._process_pong()

    async def _process_err(self, err_msg: str) -> None:
        """Never closes the client: what is fatal to the server, it follows by cutting the connection."""
        self.trouble = f"the server says: {err_msg}"
        violation = VIOLATION.search(err_msg)
        if violation is None:
            return
        what, subject = violation.groups()
        if what.lower() == "publish":
            self._fail(lambda: denied("publish to", subject), asked=subject)
            refused = [inbox for inbox in self._inboxes.values() if inbox.asked == subject]
            why = denied("publish to", subject)
        else:
            refused = [inbox for inbox in self._inboxes.values() if inbox.subject == subject]
            why = denied("subscribe to", f"{self._config.inbox_prefix}.>")
            if self._answers in refused:
                self._fail(lambda: denied("subscribe to", f"{self._config.inbox_prefix}.>"))
        for inbox in refused:
            inbox.failed = why
            inbox.on_arrival(inbox)

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)
        except (IndexError, ValueError):  # shorter than a header block can be, or no text: stored all the same
            return None

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        return self.msg_class(
            _client=self,
            subject=subject.decode(errors="surrogateescape"),
            reply=reply.decode(errors="surrogateescape"),
            data=data,
            headers=headers,
            _sid=sid,
        )


@contextmanager
def _as_nats_error() -> Iterator[None]:
    """nats-py goes on reconnecting after errors of its own kind only."""
    try:
        yield
    except AuditorError as error:
        raise errors.Error(str(error)) from error


def _header_size(headers: dict[str, str] | None) -> int:
    """Bytes of the header block that nats-py makes of `headers`."""
    if headers is None:
        return 0
    return len("NATS/1.0\r\n\r\n") + sum(
        len(name.strip().encode()) + len(value.strip().encode()) + len(": \r\n") for name, value in headers.items()
    )
