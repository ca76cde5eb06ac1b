"""A request is repeated for some seconds while a stream has no leader, and only then."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from auditor.errors import ConnectionFailedError, NoLeaderError
from auditor.jetstream import leader_wait
from auditor.jetstream.leader_wait import await_leader


class Requests:
    """Fails with these errors, one after the other, and then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.count = 0

    async def __call__(self) -> str:
        self.count += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


@pytest.fixture
def client() -> Any:
    return SimpleNamespace(is_connected=True)


async def test_a_request_is_repeated_until_there_is_a_leader(client: Any) -> None:
    requests = Requests(NoLeaderError("no leader"), NoLeaderError("no leader"))
    assert await await_leader(client, requests) == "answer"
    assert requests.count == 3


async def test_another_failure_is_not_repeated(client: Any) -> None:
    requests = Requests(ConnectionFailedError("enable JetStream"))
    with pytest.raises(ConnectionFailedError, match="enable JetStream"):
        await await_leader(client, requests)
    assert requests.count == 1


async def test_without_a_connection_a_request_is_not_repeated(client: Any) -> None:
    client.is_connected = False
    requests = Requests(NoLeaderError("no leader"))
    with pytest.raises(NoLeaderError):
        await await_leader(client, requests)


async def test_after_some_seconds_the_failure_is_raised(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader_wait, "LEADER_SECONDS", 0.15)
    requests = Requests(*[NoLeaderError("no leader")] * 100)
    with pytest.raises(NoLeaderError):
        await await_leader(client, requests)
    assert 2 <= requests.count <= 3
