"""An error about a JetStream API names the prefix or the domain that was asked, and the setting to check."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from auditor.jetstream.api_client import PrefixedClient, domain_of, where_it_is_missing, why_no_answer

if TYPE_CHECKING:
    from auditor.jetstream.api_client import ApiClient


def client(api_prefix: str = "$JS.API", nearest_domain: str = "") -> ApiClient:
    return cast("ApiClient", SimpleNamespace(api_prefix=api_prefix, nearest_domain=nearest_domain))


@pytest.mark.parametrize(
    ("one", "domain"),
    [
        (client(), ""),
        (client(nearest_domain="leaf"), "leaf"),
        (client("$JS.hub.API", "leaf"), "hub"),
        (client("JS.A.API", "leaf"), ""),
        (client("$JS.API.x", "leaf"), ""),
    ],
)
def test_the_domain_is_that_of_the_prefix_or_of_the_nearest_server(one: ApiClient, domain: str) -> None:
    assert domain_of(one) == domain


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (client(), ("does not answer for stream S", "nats.jetstream_domain")),
        (client("$JS.hub.API"), ("answers on $JS.hub.API", "jetstream_domain", "leaf node")),
        (client("JS.A.API"), ("answers on JS.A.API", "jetstream_api_prefix", "import of JS.A.API")),
    ],
)
def test_an_api_that_does_not_answer_is_named_with_its_setting(one: ApiClient, words: tuple[str, ...]) -> None:
    assert all(each in why_no_answer(one, "S") for each in words)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (client(), "does not exist: check its name"),
        (client(nearest_domain="leaf"), "does not exist in JetStream domain leaf"),
        (client("$JS.hub.API", "leaf"), "does not exist in JetStream domain hub"),
        (client("JS.A.API", "leaf"), "does not exist behind JS.A.API"),
    ],
)
def test_a_missing_stream_is_named_with_the_domain_that_was_asked(one: ApiClient, words: str) -> None:
    assert words in where_it_is_missing(one)


async def test_a_prefixed_client_shares_the_connection_and_keeps_its_own_consumers(client: object) -> None:
    hub = PrefixedClient(client, "$JS.hub.API")  # type: ignore[arg-type]  # the fixture below
    shared = ("is_connected", "max_payload", "last_error_text", "nearest_domain")
    assert [getattr(hub, name) for name in shared] == [getattr(client, name) for name in shared]
    assert hub.own_consumers is not client.own_consumers  # type: ignore[attr-defined]
    assert hub.request == client.request  # type: ignore[attr-defined]


@pytest.fixture(name="client")
def unconnected() -> object:
    methods = ("wait_connected", "not_connected_error", "request", "request_raw")
    more = ("open_inbox", "cut_into_batches", "request_into", "close_inbox", "own_consumers")
    values = {"is_connected": True, "max_payload": 7, "last_error_text": "no", "nearest_domain": "leaf"}
    return SimpleNamespace(**{name: object() for name in (*methods, *more)}, **values)
