from __future__ import annotations

import pytest

from auditor.aether import InMemoryEventStore
from tests.aether.event_store_contract import Append, EventStoreContract


class TestInMemoryEventStore(EventStoreContract):
    @pytest.fixture
    def store(self) -> InMemoryEventStore:
        return InMemoryEventStore("S")

    @pytest.fixture
    def append(self, store: InMemoryEventStore) -> Append:
        async def append(suffix: str, data: bytes) -> int:
            return store.append(f"S.{suffix}", data)

        return append
