from __future__ import annotations

import pytest

from auditor.aether import InMemoryEventStore
from tests.aether.event_store_contract import EventStoreContract, Plant


class TestInMemoryEventStore(EventStoreContract):
    @pytest.fixture
    def store(self) -> InMemoryEventStore:
        return InMemoryEventStore("S")

    @pytest.fixture
    def plant(self, store: InMemoryEventStore) -> Plant:
        async def plant(tail: str, data: bytes) -> int:
            return store.append(f"S.{tail}", data)

        return plant
