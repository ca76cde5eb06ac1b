"""A client for one of the JetStream APIs that a connection reaches: that of the nearest server, of a domain, or of an import.

The prefix of the subjects of requests chooses the API. Publishes of messages have no prefix: they reach the streams of every domain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from auditor.config.models import NEAREST_API
from auditor.jetstream.connection.own_consumers import OwnConsumers

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.msg import Msg

    from auditor.errors import ConnectionFailedError
    from auditor.jetstream.connection.client import Client, Inbox


WHERE_IT_IS_ENABLED = (
    "enable JetStream there, or, where another account exports its API to this one, set jetstream_api_prefix to the subject under"
    " which it is imported"
)
"""What to do about an account without JetStream."""


class ApiClient(Protocol):
    """What the modules that use JetStream need of a connection. `Client` has it for the nearest API."""

    own_consumers: OwnConsumers

    @property
    def api_prefix(self) -> str:
        """The subjects of requests to JetStream begin with it; `$JS.API` for the nearest API."""

    @property
    def is_connected(self) -> bool:
        """Whether the connection is up."""

    @property
    def max_payload(self) -> int:
        """The largest message in bytes that the server accepts."""

    @property
    def last_error_text(self) -> str:
        """The explanation of the last error of the connection; empty if there was none."""

    @property
    def nearest_domain(self) -> str:
        """The JetStream domain of the server that the connection is to; empty if it has none."""

    async def wait_connected(self) -> None:
        """As `Connection.wait_connected`."""

    def not_connected_error(self, cause: Exception | None = None) -> ConnectionFailedError:
        """As `Client.not_connected_error`."""

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 5.0,  # noqa: ASYNC109 - nats-py's signature
        *,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """As `Client.request`."""

    async def request_raw(self, subject: bytes, headers: bytes | None, payload: bytes, timeout: float) -> bytes:  # noqa: ASYNC109 - as above
        """As `Client.request_raw`."""

    async def open_inbox(self, on_messages: Callable[[Inbox], object], suffix: str = "") -> Inbox:
        """As `Client.open_inbox`."""

    def cut_into_batches(self, inbox: Inbox, prefix: bytes) -> None:
        """As `Client.cut_into_batches`."""

    async def request_into(self, inbox: Inbox, subject: str, payload: bytes) -> None:
        """As `Client.request_into`."""

    async def close_inbox(self, inbox: Inbox) -> None:
        """As `Client.close_inbox`."""


class PrefixedClient:
    """A client of another API on the connection of `client`. It keeps the consumers of its API apart."""

    def __init__(self, client: Client, api_prefix: str) -> None:
        self.api_prefix = api_prefix
        self.own_consumers = OwnConsumers()
        self.wait_connected = client.wait_connected
        self.not_connected_error = client.not_connected_error
        self.request = client.request
        self.request_raw = client.request_raw
        self.open_inbox = client.open_inbox
        self.cut_into_batches = client.cut_into_batches
        self.request_into = client.request_into
        self.close_inbox = client.close_inbox
        self._client = client

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected

    @property
    def max_payload(self) -> int:
        return self._client.max_payload

    @property
    def last_error_text(self) -> str:
        return self._client.last_error_text

    @property
    def nearest_domain(self) -> str:
        return self._client.nearest_domain


def domain_of(client: ApiClient) -> str:
    """Return the JetStream domain whose API `client` uses; empty if it has none or is not known."""
    if client.api_prefix == NEAREST_API:
        return client.nearest_domain
    tokens = client.api_prefix.split(".")
    return tokens[1] if len(tokens) == 3 and (tokens[0], tokens[2]) == ("$JS", "API") else ""


def why_no_answer(client: ApiClient, stream: str) -> str:
    """Return why nothing answers a request about `stream`, in one line that says what to do."""
    prefix = client.api_prefix
    if prefix == NEAREST_API:
        return (
            f"JetStream does not answer for stream {stream}: enable it on the server and for the user's account, or, behind a"
            " leaf node, set nats.jetstream_domain to the domain of the hub"
        )
    if domain_of(client):
        return f"nothing answers on {prefix} for stream {stream}: check jetstream_domain, and the leaf node connection"
    return f"nothing answers on {prefix} for stream {stream}: check jetstream_api_prefix, and the account's import of {prefix}"


def where_it_is_missing(client: ApiClient) -> str:
    """Return the end of a line about a stream that does not exist: in which API, and what to check."""
    domain = domain_of(client)
    if domain:
        return f"does not exist in JetStream domain {domain}: check its name, the account of the user, and jetstream_domain"
    if client.api_prefix == NEAREST_API:
        return "does not exist: check its name, and the account of the user"
    return f"does not exist behind {client.api_prefix}: check its name, and the account that exports this API"
