from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.live.replicas.laboratory import ReplicaLaboratory, replica_laboratory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ReplicaLaboratory]:
    """Three servers for all tests of a module. Each test has a stream of its own, which stays damaged."""
    async with replica_laboratory(tmp_path_factory.mktemp("cluster")) as lab:
        yield lab
