"""Another stream that takes the subjects of a stream of the auditor is found before anything is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.config import StateConfig
from auditor.errors import StateError
from auditor.jetstream.other_domains import check_other_domains
from auditor.jetstream.state.stream_settings import state_stream
from tests.live.streams import api

if TYPE_CHECKING:
    from auditor.jetstream.connection.client import Client


async def test_a_stream_that_takes_the_subjects_alone_or_not_at_all_is_no_error(client: Client) -> None:
    own = state_stream(StateConfig())
    await check_other_domains(client, client, own)
    await own.ensure(client)
    await check_other_domains(client, client, own)
    assert (await api(client, "STREAM.INFO.AETHER_AUDIT"))["state"]["messages"] == 0


async def test_a_stream_that_takes_the_subjects_in_its_place_is_an_error(client: Client) -> None:
    await api(client, "STREAM.CREATE.OTHER", name="OTHER", subjects=["aether.audit.>"])
    with pytest.raises(StateError, match=r"another stream takes aether\.audit\.>.*set state\.subject_prefix"):
        await check_other_domains(client, client, state_stream(StateConfig()))
    assert (await api(client, "STREAM.INFO.OTHER"))["state"]["messages"] == 0
