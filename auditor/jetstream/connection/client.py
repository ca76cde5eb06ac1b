"""The client for NATS: requests that fail at once without a connection, and inboxes that receive messages unparsed."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from nats import errors

from auditor.config.models import NEAREST_API
from auditor.errors import ConnectionFailedError
from auditor.jetstream.connection.connection import Connection
from auditor.jetstream.connection.cutter import Cutter
from auditor.jetstream.connection.explain import permission_error
from auditor.jetstream.connection.frames import Delivery, ProtocolError
from auditor.jetstream.connection.login import ConfiguredLogin
from auditor.jetstream.connection.own_consumers import OwnConsumers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.msg import Msg

    from auditor.config import NatsConfig
    from auditor.core.model.batch import Batch
    from auditor.jetstream.connection.frames import RawMessage
    from auditor.jetstream.connection.login import Login

NO_RESPONDERS = b"NATS/1.0 503"
"""The status of a reply without responders. A server removes inline statuses from messages that it stores."""


async def connect(config: NatsConfig) -> Client:
    """Try each server once and return a connected client. Raises ConnectionFailedError."""
    return await connect_with(ConfiguredLogin(config))


async def connect_with(login: Login) -> Client:
    """As `connect`, with the servers and the user of `login`."""
    login.check()
    login.tls_context()
    client = Client(login)
    try:
        await client.connect_once()
    except BaseException:
        await client.close()
        raise
    return client


MAX_UNREAD_BYTES = 192 << 20
"""Bytes that may arrive for an inbox before its reader takes them. Two pulls return at most 128 MiB."""
MAX_CONTROL_LINE_BYTES = 4_096
"""The longest line of the protocol that a server accepts by default. A server does not report another limit."""


class LineTooLongError(errors.Error):
    """The subject is so long that the server would close the connection."""


class Inbox:
    """A subscription that collects its messages unparsed. It ends with the connection at the latest."""

    def __init__(self, subject: str, on_messages: Callable[[Inbox], object]) -> None:
        self.subject = subject
        self.messages: list[RawMessage | Batch] = []
        """Messages that have arrived, in order. The reader clears the list. There are batches only after `Client.cut_into_batches`."""
        self.unread_bytes = 0
        """Bytes that the connection has read at most for `messages`."""
        self.on_messages = on_messages
        """Called after a read from the socket that brought messages, and when `failed` is set."""
        self.request_subject = ""
        """The subject of the requests whose replies arrive here."""
        self.failed: Exception | None = None
        """Why no more messages arrive: the connection was lost, or the server denied the subscription or a request."""

    def take(self) -> list[RawMessage | Batch]:
        """Return the messages that have arrived since the last call."""
        messages = self.messages[:]
        self.messages.clear()  # the list stays, because the parser appends to it
        self.unread_bytes = 0
        return messages

    def fail(self, reason: Exception) -> None:
        """Record that no more messages arrive."""
        self.failed = reason
        self.on_messages(self)


class Client(Connection):
    """A connection with requests. If it is lost, requests in flight fail at once and are not sent again."""

    api_prefix = NEAREST_API

    def __init__(self, login: Login) -> None:
        super().__init__(login)
        self.own_consumers = OwnConsumers()
        self._inboxes: dict[int, Inbox] = {}
        self._reply_inbox: Inbox | None = None
        self._inbox_lock = asyncio.Lock()
        self._requests: dict[bytes, tuple[str, asyncio.Future[RawMessage]]] = {}

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 5.0,  # noqa: ASYNC109 - nats-py's signature
        old_style: bool = False,  # noqa: ARG002, FBT001, FBT002 - nats-py's signature; one inbox serves both styles
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """Publish and return the reply.

        Raises PermissionDeniedError as soon as the server denies the subject, and nats-py's errors: NoRespondersError,
        TimeoutError, ConnectionReconnectingError, ConnectionClosedError, MaxPayloadError.
        """
        reply_subject, reply_to, header_block, data = await self._request(
            subject, timeout, lambda reply: self.publish(subject, payload, reply=reply, headers=headers)
        )
        return self._build_message(0, reply_subject, reply_to, data, await self._process_headers(header_block))

    async def request_raw(self, subject: bytes, headers: bytes | None, payload: bytes, timeout: float) -> bytes:  # noqa: ASYNC109 - as above
        """As `request`, with any bytes that a server accepts. `headers` is the whole block. Returns the payload of the reply."""
        command = partial(_command, subject, headers, payload)
        *_, data = await self._request(
            subject.decode(errors="replace"), timeout, lambda reply: self._send(command(reply))
        )
        return data

    async def _request(self, subject: str, timeout: float, send: Callable[[str], Awaitable[None]]) -> RawMessage:  # noqa: ASYNC109 - as above
        """Call `send` with a reply subject and return the reply."""
        inbox = await self._open_reply_inbox()
        token = bytes(self._nuid.next())
        future: asyncio.Future[RawMessage] = asyncio.get_running_loop().create_future()
        self._requests[token] = subject, future
        try:
            await send(inbox.subject[:-1] + token.decode())
            async with asyncio.timeout(timeout):  # wait_for of Python 3.11 can lose a cancellation
                reply = await future
        except TimeoutError:
            raise errors.TimeoutError from None
        finally:
            del self._requests[token]
        if reply[2] is not None and reply[2].startswith(NO_RESPONDERS):
            raise errors.NoRespondersError
        return reply

    async def _send(self, command: bytes) -> None:
        if len(command) > self.max_payload:
            raise errors.MaxPayloadError
        await self._send_command(command)
        await self._flush_pending()

    async def publish(
        self, subject: str, payload: bytes = b"", reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """Publish a message. Raises MaxPayloadError or LineTooLongError instead of letting the server close the connection."""
        if len(payload) + _header_size(headers) > self.max_payload:  # nats-py counts the payload alone
            raise errors.MaxPayloadError
        if len(subject.encode()) + len(reply) + len("HPUB 65536 67108864   ") > MAX_CONTROL_LINE_BYTES:
            raise LineTooLongError(f"a subject of {len(subject.encode())} bytes is too long for the protocol")
        await super().publish(subject, payload, reply, headers)

    async def open_inbox(self, on_messages: Callable[[Inbox], object], suffix: str = "") -> Inbox:
        """Return a new inbox. Its subject ends in `suffix`, such as ".*"."""
        inbox = Inbox(self.new_inbox() + suffix, on_messages)
        subscription = await self.subscribe(inbox.subject)
        self._inboxes[subscription._id] = inbox  # noqa: SLF001 - nats-py has no public name for it
        self._raw_handlers[b"%d" % subscription._id] = inbox.messages.append  # noqa: SLF001 - as above
        return inbox

    def cut_into_batches(self, inbox: Inbox, prefix: bytes) -> None:
        """From now on, messages whose reply subjects begin with `prefix` arrive in batches where that is possible."""
        for sid in [b"%d" % sid for sid, known in self._inboxes.items() if known is inbox]:
            self._deliveries[sid] = Delivery(Cutter(sid, prefix), inbox.messages.append)

    async def request_into(self, inbox: Inbox, subject: str, payload: bytes) -> None:
        """Publish a request whose replies arrive in `inbox`. The inbox fails if the server denies the subject."""
        inbox.request_subject = subject
        await self.publish(subject, payload, reply=inbox.subject)

    async def request_all(self, subject: str, headers: dict[str, str], seconds: float) -> list[bytes]:
        """Publish an empty message and return the payloads of all replies that arrive within `seconds`.

        Raises PermissionDeniedError, and nats-py's errors.
        """
        inbox = await self.open_inbox(lambda _: None)
        inbox.request_subject = subject
        try:
            await self.publish(subject, reply=inbox.subject, headers=headers)
            await asyncio.sleep(seconds)
            if inbox.failed is not None:
                raise _copy_of(inbox.failed)
            return [message[3] for message in inbox.take() if isinstance(message, tuple)]
        finally:
            await self.close_inbox(inbox)

    async def close_inbox(self, inbox: Inbox) -> None:
        """Unsubscribe."""
        for sid in [sid for sid, known in self._inboxes.items() if known is inbox]:
            self._remove_sub(sid)
            if self.is_connected:
                await self._send_unsubscribe(sid)

    async def _open_reply_inbox(self) -> Inbox:
        async with self._inbox_lock:
            if self._reply_inbox is None and self.is_connected:
                self._reply_inbox = await self.open_inbox(self._deliver_replies, ".*")
        if self._reply_inbox is None or not self.is_connected:  # nats-py would keep the request until it is connected
            raise self._connection_error()
        if self._reply_inbox.failed is not None:
            raise _copy_of(self._reply_inbox.failed)
        return self._reply_inbox

    def _deliver_replies(self, inbox: Inbox) -> None:
        for message in inbox.take():
            assert isinstance(message, tuple), "replies are not cut into batches"
            _, future = self._requests.get(message[0].rpartition(b".")[2], (None, None))
            if future is not None and not future.done():
                future.set_result(message)

    def _fail(self, reason: Exception, *, request_subject: str | None = None) -> None:
        """Fail every request in flight, or only those on `request_subject`."""
        for subject, future in self._requests.values():
            if request_subject in (None, subject) and not future.done():
                future.set_exception(_copy_of(reason))

    @property
    def nearest_domain(self) -> str:
        """The JetStream domain of the server; empty if it has none."""
        return str(self._server_info.get("domain", ""))

    def not_connected_error(self, cause: Exception | None = None) -> ConnectionFailedError:
        """Return the error of an operation that failed without a connection.

        The reason in it is the last error of the connection, or `cause` if there was none.
        """
        return ConnectionFailedError(f"no connection to NATS ({self.last_error_text or cause or 'it was closed'})")

    def _connection_error(self) -> errors.Error:
        return errors.ConnectionClosedError() if self.is_closed else errors.ConnectionReconnectingError()

    def _on_read(self, size: int) -> None:
        for inbox in list(self._inboxes.values()):
            if inbox.messages:
                self._unsubscribed_messages = 0
                inbox.unread_bytes += size
                if inbox.unread_bytes > MAX_UNREAD_BYTES:
                    raise ProtocolError(f"more than {MAX_UNREAD_BYTES} bytes that were not requested")
                inbox.on_messages(inbox)

    def _on_lost(self) -> None:
        self._reply_inbox = None
        self._fail(self._connection_error())
        for sid, inbox in list(self._inboxes.items()):
            self._remove_sub(sid)
            inbox.fail(self._connection_error())

    def _on_permission_denied(self, verb: str, subject: str) -> None:
        if verb == "publish":
            error = permission_error(verb, subject)
            self._fail(error, request_subject=subject)
            denied = [inbox for inbox in self._inboxes.values() if inbox.request_subject == subject]
        else:
            error = permission_error(verb, f"{self._login.inbox_prefix}.>")
            denied = [inbox for inbox in self._inboxes.values() if inbox.subject == subject]
            if self._reply_inbox in denied:
                self._fail(error)
        for inbox in denied:
            inbox.fail(error)

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        super()._remove_sub(sid, max_msgs)
        self._inboxes.pop(sid, None)
        self._raw_handlers.pop(b"%d" % sid, None)
        self._deliveries.pop(b"%d" % sid, None)


def _copy_of(error: Exception) -> Exception:
    """Return an equal error without the traceback of `error`."""
    return type(error)(*error.args)


def _command(subject: bytes, headers: bytes | None, payload: bytes, reply: str) -> bytes:
    """Return the command of the protocol that publishes one message."""
    if headers is None:
        return b"PUB %b %b %d\r\n%b\r\n" % (subject, reply.encode(), len(payload), payload)
    sizes = len(headers), len(headers) + len(payload)
    return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (subject, reply.encode(), *sizes, headers, payload)


def _header_size(headers: dict[str, str] | None) -> int:
    """Return the size in bytes of the header block that nats-py makes of `headers`."""
    if headers is None:
        return 0
    return len("NATS/1.0\r\n\r\n") + sum(
        len(name.strip().encode()) + len(value.strip().encode()) + len(": \r\n") for name, value in headers.items()
    )
