"""Opens a connection with the servers and the user of a connection of nats-py, and closes it together with that one.

nats-py itself is not safe for reading a stream. Some stored messages end its reading, and it takes others for statuses of
the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.jetstream.connection.client import Client, connect_with

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from nats.aio.client import Client as NatsClient

CREDENTIALS = ("user_credentials", "nkeys_seed", "nkeys_seed_str")
"""nats-py makes callbacks of these options. Without them, the caller may have passed callbacks."""
CALLBACKS = ("signature_cb", "user_jwt_cb")
OPTIONS = ("user", "password", "token", "tls_hostname", "ws_connection_headers")


async def connect_like(nc: NatsClient) -> Client:
    """Return a new client that closes when `nc` does. Raises ConnectionFailedError."""
    client = await connect_with(SharedLogin(nc))
    closed = nc._closed_cb  # noqa: SLF001 - nats-py has no public hook for it

    async def close_both() -> None:
        await client.close()
        if closed is not None:
            await closed()

    nc._closed_cb = close_both  # noqa: SLF001 - as above
    return client


class SharedLogin:
    """The login of a connection of nats-py."""

    def __init__(self, nc: NatsClient) -> None:
        self._nc = nc

    @property
    def servers(self) -> Sequence[str]:
        return [server.geturl() for server in self._nc.servers]

    @property
    def inbox_prefix(self) -> str:
        return self._nc._inbox_prefix.decode()  # noqa: SLF001 - nats-py has no public name for it

    def options(self) -> dict[str, Any]:
        given = {name: getattr(self._nc, f"_{name}") for name in CREDENTIALS}
        if not any(given.values()):
            given |= {name: getattr(self._nc, f"_{name}") for name in CALLBACKS}
        given |= {name: self._nc.options.get(name) for name in OPTIONS}
        return {name: value for name, value in given.items() if value is not None}

    def public_nkey(self) -> str | None:
        return self._nc._public_nkey  # noqa: SLF001 - as above

    def jwt_expiry(self) -> None:
        """Return None: the application renews its JWT."""

    def check(self) -> None:
        """Do nothing: `nc` has connected with these credentials."""

    def wants_tls(self) -> bool:
        return "tls" in self._nc.options or any(server.startswith("tls://") for server in self.servers)

    def has_certificate(self) -> bool:
        return "tls" in self._nc.options

    def tls_context(self) -> ssl.SSLContext:
        return self._nc.ssl_context
