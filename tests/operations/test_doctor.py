"""The checks of the doctor, which change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.operations import doctor
from tests.live.streams import api

if TYPE_CHECKING:
    from auditor.app import App
    from auditor.jetstream.connection.client import Client


@pytest.mark.parametrize(("section", "stream"), [("quarantine", "AETHER_QUARANTINE"), ("state", "AETHER_AUDIT")])
async def test_an_own_stream_that_is_deleted_during_the_check_is_not_created_again(
    app: App, monkeypatch: pytest.MonkeyPatch, section: str, stream: str
) -> None:
    stream_info = doctor.stream_info

    async def deleted_after_that(client: Client, name: str) -> object:
        info = await stream_info(client, name)
        if name == stream:
            await api(client, f"STREAM.DELETE.{stream}")
        return info

    monkeypatch.setattr(doctor, "stream_info", deleted_after_that)
    checks = [check async for check in doctor.run_checks(app)]
    (check,) = [check for check in checks if check.text.startswith(f"{section}: ")]
    assert check.status is doctor.Status.FAILED
    assert f"{section} stream {stream} does not exist" in check.text
    assert stream not in (await api(app.client, "STREAM.NAMES"))["streams"]


@pytest.mark.parametrize(("section", "stream"), [("quarantine", "AETHER_QUARANTINE"), ("state", "AETHER_AUDIT")])
async def test_without_known_permissions_it_is_unknown_whether_an_absent_stream_can_be_created(
    app: App, monkeypatch: pytest.MonkeyPatch, section: str, stream: str
) -> None:
    async def unknown(_: Client) -> None:
        return None

    monkeypatch.setattr(doctor, "granted_permissions", unknown)
    await api(app.client, f"STREAM.DELETE.{stream}")
    checks = [check async for check in doctor.run_checks(app)]
    (check,) = [check for check in checks if check.text.startswith(f"{section}: ")]
    assert check.status is doctor.Status.WARNING
    assert check.fix is not None
    assert "auditor provision" in check.fix
    assert f"$JS.API.STREAM.CREATE.{stream}" in check.fix
