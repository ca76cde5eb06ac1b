"""A real Prometheus scrapes a daemon that requires a certificate and a password."""

from __future__ import annotations

import json
import ssl
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import bcrypt
import yaml

from auditor.embedded_server import reserved_port
from tests.acceptance.conftest import auditor, configured
from tests.acceptance.test_run import daemon, until
from tests.deploy.conftest import needed
from tests.deploy.test_alerting import program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.embedded_server import EmbeddedServer

TLS = Path(__file__).parents[1] / "live" / "tls"
TIMEOUT_SECONDS = 60.0
GOOD: dict[str, Any] = {
    "scheme": "https",
    "tls_config": {
        "ca_file": str(TLS / "ca.pem"),
        "cert_file": str(TLS / "client.pem"),
        "key_file": str(TLS / "client-key.pem"),
    },
    "basic_auth": {"username": "prometheus", "password": "secret"},
}
JOBS: dict[str, dict[str, Any]] = {
    "good": GOOD,
    "plain": {**GOOD, "scheme": "http"},
    "no-certificate": {**GOOD, "tls_config": {"ca_file": str(TLS / "ca.pem")}},
    "no-password": {key: value for key, value in GOOD.items() if key != "basic_auth"},
    "wrong-password": {**GOOD, "basic_auth": {"username": "prometheus", "password": "wrong"}},
}
"""How Prometheus asks. Only the first may get an answer."""


def web_config(folder: Path, password: str) -> Path:
    """Write the web configuration file, and move it to its place in one step."""
    web = {
        "tls_server_config": {
            "cert_file": str(TLS / "server.pem"),
            "key_file": str(TLS / "server-key.pem"),
            "client_auth_type": "RequireAndVerifyClientCert",
            "client_ca_file": str(TLS / "ca.pem"),
            "min_version": "TLS13",
        },
        "basic_auth_users": {"prometheus": bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()},
    }
    (folder / "web.new").write_text(yaml.safe_dump(web))
    return (folder / "web.new").rename(folder / "web.yaml")


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[str]:
    """Prometheus, which scrapes the target in each way every second; its address."""
    jobs = [{"job_name": name, "static_configs": [{"targets": [target]}], **how} for name, how in JOBS.items()]
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
    with reserved_port() as port:
        async with program(
            needed("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ):
            yield f"http://127.0.0.1:{port}"


def test_promtool_accepts_the_file_that_the_auditor_accepts(tmp_path: Path) -> None:
    file = web_config(tmp_path, "secret")
    command = [needed("promtool"), "check", "web-config", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 0, ended.stderr


async def test_prometheus_scrapes_over_mutual_tls_with_a_password_and_not_without_one_of_them(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    file = web_config(tmp_path, "secret")
    http = f"http: {{listen: '127.0.0.1:0', web_config_file: '{file}'}}\n"
    config = configured(tmp_path, server.url, more=http)
    context = ssl.create_default_context(cafile=str(TLS / "ca.pem"))
    async with (
        daemon(config) as running,
        prometheus(tmp_path, running.address) as address,
        aiohttp.ClientSession(address) as asking,
    ):

        async def up() -> dict[str, str]:
            """The last result of each job."""
            try:
                answer = await asking.get("/api/v1/query", params={"query": "up"})
            except aiohttp.ClientError:
                return {}
            result = json.loads(await answer.text())["data"]["result"] if answer.ok else []
            return {each["metric"]["job"]: each["value"][1] for each in result}

        async def scraped() -> bool:
            return await up() == {name: str(int(name == "good")) for name in JOBS}

        await until(scraped, TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(f"https://{running.address}") as kubelet:
            assert (await kubelet.get("/livez", ssl=context)).status == 200

        web_config(tmp_path, "wrong")

        async def password_changed() -> bool:
            found = await up()
            return (found["good"], found["wrong-password"]) == ("0", "1")

        await until(password_changed, TIMEOUT_SECONDS)
        assert "web configuration reloaded" in {line["event"] for line in running.log}
        await running.stop()


async def test_a_file_that_cannot_be_used_is_named_by_the_daemon_and_by_doctor(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    file = tmp_path / "web.yaml"
    config = configured(tmp_path, server.url, more=f"http: {{listen: '127.0.0.1:0', web_config_file: '{file}'}}\n")
    file.write_text("basic_auth_users: {a: secret}")
    for verb in ("run", "doctor"):
        ended = await auditor(verb, "--config", config)
        assert ended.code == 1
        assert f"{file}: basic_auth_users.a: is not a bcrypt hash" in (ended.out + ended.err).replace("\n", " ")
    web_config(tmp_path, "secret")
    ended = await auditor("doctor", "--config", config)
    assert "✓ http.web_config_file" in ended.out
