"""`auditor demo`, from outside."""

from __future__ import annotations

import asyncio
import signal

import aiohttp

from tests.acceptance.conftest import auditor, begin


async def test_once_prints_seeded_and_found_damage_and_exits_with_the_code_of_the_pass() -> None:
    ended = await auditor("demo", "--once")
    assert (ended.code, ended.err) == (2, "")
    assert "everything planted was found, and nothing else" in ended.out
    assert ended.out.rstrip().endswith("orders: corrupt")


async def test_it_serves_what_it_says_until_ctrl_c() -> None:
    process = await begin("demo", "--http", "127.0.0.1:0")
    assert process.stdout is not None
    said: list[str] = []
    async with asyncio.timeout(30):
        while not any("Ctrl-C" in line for line in said):
            said.append((await process.stdout.readline()).decode())
    page = next(line.split()[1] for line in said if line.startswith("page "))
    async with aiohttp.ClientSession() as http:
        assert "corrupt" in await (await http.get(page)).text()
        assert "aether_auditor_findings" in await (await http.get(f"{page}metrics")).text()
    assert any("everything planted was found" in line for line in said)
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, err) == (0, b"")
