"""The ports in memory fulfil the same contracts as the real ones."""

from __future__ import annotations

import pytest

from auditor.errors import StateError
from tests.ports.in_memory import FaultySource, InMemoryQuarantine, InMemorySource, InMemoryStateStore, SavedState
from tests.ports.quarantine_contract import QuarantineContract, QuarantineStream
from tests.ports.source_contract import Laboratory, SourceContract
from tests.ports.state_store_contract import StateStoreContract, Storage


class StreamInMemory:
    """The `Laboratory` over a source in memory."""

    def __init__(self, source: InMemorySource) -> None:
        self._source = source

    async def store(self, *subjects: str) -> None:
        last = self._source.last_seq
        self._source.append(*[(subject, b"%d" % seq) for seq, subject in enumerate(subjects, last + 1)])

    async def delete(self, *seqs: int) -> None:
        self._source.delete(*seqs)

    async def purge(self, up_to: int) -> None:
        self._source.purge(up_to)

    async def remove(self) -> None:
        self._source.is_there = False

    async def recreate(self) -> None:
        self._source.recreate()


class TestInMemorySource(SourceContract):
    @pytest.fixture
    def source(self) -> InMemorySource:
        return InMemorySource()

    @pytest.fixture
    def laboratory(self, source: InMemorySource) -> Laboratory:
        return StreamInMemory(source)


class TestFaultySource(TestInMemorySource):
    @pytest.fixture
    def source(self) -> FaultySource:
        return FaultySource()


class QuarantineStreamInMemory:
    """The `QuarantineStream` of a quarantine in memory."""

    def __init__(self, quarantine: InMemoryQuarantine) -> None:
        self._quarantine = quarantine

    async def refuse(self) -> None:
        self._quarantine.refuses = "it is full"

    async def admit(self) -> None:
        self._quarantine.refuses = None

    async def keys(self) -> set[str]:
        return set(self._quarantine.records)


class TestInMemoryQuarantine(QuarantineContract):
    @pytest.fixture
    def quarantine(self) -> InMemoryQuarantine:
        return InMemoryQuarantine()

    @pytest.fixture
    def another(self, quarantine: InMemoryQuarantine) -> InMemoryQuarantine:
        return InMemoryQuarantine(records=quarantine.records)

    @pytest.fixture
    def quarantine_stream(self, quarantine: InMemoryQuarantine) -> QuarantineStream:
        return QuarantineStreamInMemory(quarantine)


class StorageInMemory:
    """The `Storage` of stores in memory."""

    def __init__(self) -> None:
        self._saved = SavedState()
        self._stores: list[InMemoryStateStore] = []

    def store(self) -> InMemoryStateStore:
        self._stores.append(InMemoryStateStore(saved=self._saved))
        return self._stores[-1]

    async def refuse(self) -> None:
        for store in self._stores:
            store.refuses = StateError("it is full")

    async def admit(self) -> None:
        for store in self._stores:
            store.refuses = None

    async def save_newer(self, part: str) -> None:
        self._saved.parts[part] = b""
        self._saved.formats[part] = 1_000

    async def remove(self) -> None:
        self._saved.parts.clear()
        self._saved.generation += 1


class TestInMemoryStateStore(StateStoreContract):
    @pytest.fixture
    def storage(self) -> Storage:
        return StorageInMemory()
