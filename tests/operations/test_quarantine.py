"""Records, as the operations return them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.canary.stream import CANARY
from auditor.errors import NotFoundError
from auditor.operations.quarantine import get_record, list_records
from auditor.operations.selftest import audit_canary, create_canary
from auditor.scan.request import PassRequest
from tests.operations.conftest import AUDIT, BAD

if TYPE_CHECKING:
    from auditor.app import App


async def test_the_records_of_the_audits_are_listed_in_stream_order_and_those_of_the_self_test_are_not(
    app: App,
) -> None:
    assert await list_records(app) == ([], [])
    await create_canary(app)
    assert (await audit_canary(app, store=True)).ok
    await app.run_to_end(PassRequest(AUDIT))
    records, foreign = await list_records(app)
    assert foreign == []
    assert [(record.stream, record.sequence) for record in records] == [("S", 4), ("S", 5)]
    kept = (await app.client.request("$JS.API.STREAM.INFO.AETHER_QUARANTINE", b'{"subjects_filter": ">"}')).data
    assert f"aether.quarantine.{CANARY}.".encode() in kept


async def test_a_record_has_its_bytes_and_the_offset_of_the_error(app: App) -> None:
    await app.run_to_end(PassRequest(AUDIT))
    for record in (await list_records(app)).records:
        for key in (record.key, record.key.removeprefix("aether.quarantine.")):
            located = await get_record(app, key)
            assert (located.record.data, located.error_offset) == (BAD, len(BAD))
    with pytest.raises(NotFoundError, match=r'no quarantine record "S\.0\.4\.none"'):
        await get_record(app, "S.0.4.none")
