"""Each event is one line without control characters and payload values."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from auditor.cli.log_output import configure_log

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_an_event_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log("info", "json")
    structlog.get_logger().info("pass completed", audit="orders", reason="a\nb\x1b[31m")
    structlog.get_logger().debug("not shown")
    logging.getLogger("apscheduler").warning("late by %s", "5s\n")
    logging.getLogger("apscheduler").info("not shown")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["event"], first["audit"], first["level"], first["reason"]) == (
        "pass completed", "orders", "info", "a\\x0ab\\x1b[31m",
    )  # fmt: skip
    assert second["event"] == "late by 5s\\x0a"
    assert first["ts"].endswith("Z")


def test_an_event_as_text_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log("info", "console")
    structlog.get_logger().info("pass completed", reason="a\nb\x1b[31m")
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_is_logged_by_name_without_its_text(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_log("info", form)
    try:
        int("hunter2")
    except ValueError:
        logging.getLogger("apscheduler").exception("a job failed")
    logged = capsys.readouterr().err
    assert "ValueError" in logged
    assert "hunter2" not in logged
    assert logged.count("\n") == 1


async def test_a_failed_task_or_callback_is_logged_by_name_without_its_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def fails() -> None:
        int("hunter2")

    def called(payload: bytes) -> None:
        raise ValueError(payload)

    configure_log("info", "json")
    task = asyncio.create_task(fails())
    await asyncio.wait([task])
    del task
    gc.collect()
    asyncio.get_running_loop().call_soon(called, b"hunter2")
    await asyncio.sleep(0)
    logged = capsys.readouterr().err
    assert "hunter2" not in logged
    first, second = map(json.loads, logged.splitlines())
    assert (first["event"], first["error"]) == ("Task exception was never retrieved", "ValueError")
    assert second["event"].startswith("Exception in callback ")
    assert (second["event"].rpartition(".")[2], second["error"]) == ("called", "ValueError")


def test_a_message_of_asyncio_without_values_is_logged_whole(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log("info", "json")
    logging.getLogger("asyncio").error("socket.accept() out of system resource")
    assert json.loads(capsys.readouterr().err)["event"] == "socket.accept() out of system resource"
