"""A connection of nats-py that stays usable whatever a server sends, and that explains its errors.

It overrides private methods of the one release that is locked. `tests/live/connection/test_connection.py` fails if these
methods change.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
from nats import errors
from nats.aio.client import Client as NatsClient

from auditor.errors import AuditorError, ConnectionFailedError
from auditor.jetstream.connection.explain import (
    CERTIFICATE_WANTED,
    SILENT_SERVER,
    TlsSettingError,
    explain_error,
    is_refusal,
    redact_url,
)
from auditor.jetstream.connection.frames import FrameParser, MsgFrame, ProtocolError
from auditor.jetstream.connection.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nats.aio.client import Srv
    from nats.aio.msg import Msg

    from auditor.jetstream.connection.frames import ControlFrame, Delivery, RawMessage
    from auditor.jetstream.connection.jwt_expiry import JwtExpiry
    from auditor.jetstream.connection.login import Login

log = structlog.get_logger()

BUFFER_SIZE = 1 << 18
"""Bytes. asyncio buffers up to twice as much before it stops reading from the socket."""
READ_SIZE = 1 << 20
"""Bytes taken from that buffer by one read: more than it can hold."""
CONNECT_TIMEOUT = 5
PING_INTERVAL = 10
"""Seconds. A connection counts as lost after three pings without an answer."""
RECONNECT_WAIT = 0.5
"""Seconds between two attempts to connect to the same server."""
MAX_UNSUBSCRIBED_MESSAGES = 20_000
"""Messages in a row for subscriptions that do not exist. Two pulls of a consumer that is closed may leave 4,000 behind."""
MAX_MAX_PAYLOAD = 64 << 20
"""The largest max_payload that a server accepts in its configuration, in bytes."""
VIOLATION = re.compile(r'permissions violation for (publish|subscription)[^"]*"([^"]*)"', re.IGNORECASE)


class Connection(NatsClient):
    """A connection to NATS. It reconnects until it is closed."""

    def __init__(self, login: Login) -> None:
        super().__init__()
        self.last_error_text = ""
        """The explanation of the last error; empty if there was none."""
        self._login = login
        self._up = asyncio.Event()
        self._raw_handlers: dict[bytes, Callable[[RawMessage], object]] = {}
        """By subscription id: the function that receives its messages unparsed."""
        self._deliveries: dict[bytes, Delivery] = {}
        """By subscription id: who receives its messages in batches."""
        self._logged_expiry: tuple[JwtExpiry, bool] | None = None
        """The last time of expiry that was logged, and whether it was near."""
        self._unsubscribed_messages = 0
        """Messages for subscriptions that do not exist, since one that has a subscription."""

    async def connect_once(self) -> None:
        """Try each server once. Raises ConnectionFailedError."""
        try:
            await self.connect(
                servers=list(self._login.servers),
                name="aether-auditor",
                inbox_prefix=self._login.inbox_prefix,
                error_cb=self._on_error,
                reconnected_cb=self._on_connected,
                connect_timeout=CONNECT_TIMEOUT,
                ping_interval=PING_INTERVAL,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                **self._login.options(),
            )
        except Exception as error:
            servers = ", ".join(redact_url(server) for server in self._login.servers)
            raise ConnectionFailedError(
                f"cannot connect to NATS at {servers}: {self.last_error_text or explain_error(error)}"
            ) from error
        self.options.update(max_reconnect_attempts=-1, reconnect_time_wait=RECONNECT_WAIT)
        await self._on_connected()

    async def wait_connected(self) -> None:
        """Wait until the connection is up. Raises ConnectionFailedError if it is closed."""
        await self._up.wait()
        if self.is_closed:
            raise ConnectionFailedError("the connection to NATS was closed")

    # Subclasses override these.

    def _on_read(self, size: int) -> None:
        """Called after each read of `size` bytes from the socket, when its messages have been handled.

        An exception ends the connection.
        """

    def _on_lost(self) -> None:
        """Called when the connection is lost: requests in flight will not be answered."""

    def _on_permission_denied(self, verb: str, subject: str) -> None:
        """Called when the server does not let this user `verb` ("publish" or "subscribe") to `subject`."""

    # Overridden methods of nats-py.

    def _setup_server_pool(self, connect_url: list[str]) -> None:
        super()._setup_server_pool(connect_url)
        for server in self._server_pool:
            server.reconnects = 1  # at most 1 is allowed until the first success, so each server is tried once

    @property
    def ssl_context(self) -> ssl.SSLContext:
        with _as_nats_error():
            return self._login.tls_context()

    def _connect_command(self) -> bytes:
        has_tls = self._server_info.get("tls_required") or self.options["tls_handshake_first"]
        if self._login.wants_tls() and not has_tls:
            raise errors.SecureConnWantedError  # nats-py would send the password in the clear
        with _as_nats_error():
            self._login.check()
            self._public_nkey = self._login.public_nkey()
            return super()._connect_command()

    async def _connect_to_server(self, s: Srv) -> None:
        if s.uri.scheme in ("ws", "wss"):
            await super()._connect_to_server(s)
            return
        s.last_attempt = time.monotonic()
        self._transport = Transport()  # type: ignore[no-untyped-call]  # in nats-py it has no types
        await self._transport.connect(s.uri, buffer_size=BUFFER_SIZE, connect_timeout=CONNECT_TIMEOUT)

    async def _process_connect_init(self) -> None:
        self._server_info = {}
        try:
            await super()._process_connect_init()
            _check_first_info(self._server_info)
        except BaseException as error:
            self._abort_transport()
            if isinstance(error, Exception):
                self._raise_tls_error(error)
            if isinstance(error, ConnectionError) and self._server_info.get("auth_required"):
                raise errors.AuthorizationError from error  # the reset may arrive before the -ERR
            raise
        if not self.is_connected:  # neither PONG nor -ERR came, which nats-py ignores
            for task in (self._reading_task, self._ping_interval_task, self._flusher_task):
                assert task is not None
                task.cancel()
            self._abort_transport()
            raise errors.UnexpectedEOF

    def _raise_tls_error(self, error: Exception) -> None:
        """Raise TlsSettingError if the server expects other settings of TLS than the login has."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return
        if self._server_info.get("tls_verify") and not self._login.has_certificate():
            raise TlsSettingError(CERTIFICATE_WANTED) from error
        if not self._server_info and self._login.wants_tls() and not isinstance(error, ssl.SSLError):
            raise TlsSettingError(SILENT_SERVER) from error

    def _abort_transport(self) -> None:
        if isinstance(self._transport, Transport):
            self._transport.abort()

    async def _attempt_reconnect(self) -> None:
        while True:
            try:
                await super()._attempt_reconnect()
            except Exception as error:  # noqa: BLE001 - an error that nats-py does not expect would end its reconnecting
                await self._on_error(error)
                await asyncio.sleep(RECONNECT_WAIT)
            else:
                return

    async def _process_op_err(self, e: Exception) -> None:
        if self.is_connected:
            await self._on_error(e)
            self._abort_transport()
            self._drop_pending()
        await super()._process_op_err(e)

    async def _close(self, status: int, do_cbs: bool = True) -> None:  # noqa: FBT001, FBT002 - nats-py's signature
        if self._flush_queue is not None:  # there has been a connection
            last_error_text = self.last_error_text
            await super()._close(status, do_cbs)
            self.last_error_text = last_error_text  # an error of closing explains nothing
        self._drop_pending()
        self._up.set()  # `wait_connected` then finds that it is closed

    def _drop_pending(self) -> None:
        """Drop what was not sent, because it must not be sent over another connection."""
        self._up.clear()
        self._pending.clear()
        self._pending_data_size = 0
        self._on_lost()

    async def _on_error(self, error: Exception) -> None:
        if not isinstance(error, errors.NoServersError):
            self.last_error_text = self._expired_text(error) or explain_error(error)

    def _expired_text(self, error: Exception) -> str | None:
        """What to do about a JWT that has expired, because of which the server refuses the user; None if it has not."""
        expiry = self._login.jwt_expiry()
        is_about_user = is_refusal(error) or isinstance(error, errors.UnexpectedEOF)  # the server closes the connection
        if expiry is None or not expiry.has_passed(time.time()) or not is_about_user:
            return None
        return f"the JWT in nats.credentials_file {expiry.file} expired on {expiry.text}: renew it"

    async def _on_connected(self) -> None:
        self._up.set()
        self.credentials_expire_s()

    def credentials_expire_s(self) -> int | None:
        """Return when the JWT in the present file of credentials expires, in seconds since 1970; None if it does not.

        Logs a time that was not logged before, and warns once of one that is near.
        """
        expiry, now_s = self._login.jwt_expiry(), time.time()
        if expiry is not None and (expiry, expiry.is_near(now_s)) != self._logged_expiry:
            self._logged_expiry = expiry, expiry.is_near(now_s)
            write = log.warning if expiry.is_near(now_s) else log.info
            write("credentials expire", file=expiry.file, at=expiry.text, seconds=round(expiry.expires_s - now_s))
        return None if expiry is None else expiry.expires_s

    async def _read_loop(self) -> None:
        transport = self._transport
        assert transport is not None
        parser = FrameParser(self._raw_handlers, self._deliveries)
        self._unsubscribed_messages = 0
        try:
            while data := await transport.read(READ_SIZE):
                for frame in parser.feed(data):
                    await self._process_frame(frame)
                self._on_read(len(data))
            await self._process_op_err(errors.UnexpectedEOF())
        except Exception as error:  # noqa: BLE001 - after any error a new connection is needed
            await self._process_op_err(error)

    async def _process_frame(self, frame: MsgFrame | ControlFrame) -> None:
        if isinstance(frame, MsgFrame):
            if frame.sid not in self._subs:
                self._unsubscribed_messages += 1
                if self._unsubscribed_messages > MAX_UNSUBSCRIBED_MESSAGES:
                    raise ProtocolError("the server sends messages without a subscription, without an end")
                return
            await self._process_msg(frame.sid, frame.subject, frame.reply, frame.payload, frame.headers or b"")
        elif frame.op == b"PING":
            await self._process_ping()
        elif frame.op == b"PONG":
            await self._process_pong()
        elif frame.op == b"INFO":
            info = json.loads(frame.argument)
            _check_info(info)
            self._max_payload = info.get("max_payload", self._max_payload)
            await self._process_info(info)
        elif frame.op == b"-ERR":
            await self._process_err(frame.argument.decode(errors="replace").strip(" '"))

    async def _process_pong(self) -> None:
        if self._pongs and self._pongs[0].done():  # a flush that timed out, on which nats-py would fail
            self._pongs.pop(0)
        else:
            await super()._process_pong()

    async def _process_err(self, err_msg: str) -> None:
        """Record the error, and do not close the client: after a fatal error the server closes the connection."""
        self.last_error_text = f"the server reports: {err_msg}"
        violation = VIOLATION.search(err_msg)
        if violation is not None:
            verb = "publish" if violation[1].lower() == "publish" else "subscribe"
            self._on_permission_denied(verb, violation[2])

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)
        except (IndexError, ValueError):  # not a header block, though a server stores it
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


def _check_info(info: object) -> None:
    """Raise ProtocolError if the server information is not as the protocol has it."""
    if not isinstance(info, dict):
        raise ProtocolError("server information that is not a JSON object")
    max_payload = info.get("max_payload", 1)
    if type(max_payload) is not int or not 0 < max_payload <= MAX_MAX_PAYLOAD:
        raise ProtocolError(f"server information with a max_payload that is not a number from 1 to {MAX_MAX_PAYLOAD}")


def _check_first_info(info: object) -> None:
    """As `_check_info` for the first line of a server, which has every field. The auditor cannot read messages without headers."""
    _check_info(info)
    assert isinstance(info, dict)
    missing = [name for name in ("server_id", "version") if not isinstance(info.get(name), str)]
    if missing or "max_payload" not in info:
        raise ProtocolError(f"server information without {', '.join(missing) or 'max_payload'}")
    if info.get("headers") is not True:
        raise ProtocolError(
            "a server that does not support headers: it is older than nats-server 2.2, or they are disabled"
        )


@contextmanager
def _as_nats_error() -> Iterator[None]:
    """Turn our errors into errors of nats-py, which reconnects only after its own."""
    try:
        yield
    except AuditorError as error:
        raise errors.Error(str(error)) from error
