from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.interop.program import GoStore, build, missing
from tests.live.conftest import client
from tests.live.streams import STREAM
from tests.needs import need

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from auditor.embedded_server import EmbeddedServer

__all__ = ["client"]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Go is missing there is nothing to compare with."""
    need(missing())
    return build(tmp_path_factory.mktemp("interop"))


@pytest.fixture
async def go(program: Path, server: EmbeddedServer) -> AsyncIterator[GoStore]:
    """Go's store on the stream S of `server`, not yet opened."""
    async with GoStore(program, server.url, STREAM) as store:
        yield store
