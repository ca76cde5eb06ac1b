"""Damage in a stream leads to a page, with a real daemon, Prometheus, Alertmanager and webhook."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import yaml
from aiohttp import web

from auditor.embedded_server import reserved_port
from tests.acceptance.conftest import admin, auditor, configured
from tests.acceptance.test_run import LISTEN, completed, daemon, until
from tests.acceptance.test_scan import good, store
from tests.deploy.conftest import needed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client

__all__ = ["admin"]

FOLDER = Path(__file__).parents[2] / "deploy"
TIMEOUT_SECONDS = 60.0


@asynccontextmanager
async def program(*command: str) -> AsyncIterator[None]:
    """Runs while the block does."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 20)


class Pager:
    """What Alertmanager sent to its webhook: the last state of each alert, and its annotations."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self.annotations: dict[str, dict[str, str]] = {}

    async def take(self, request: web.Request) -> web.Response:
        for alert in (await request.json())["alerts"]:
            name = alert["labels"]["alertname"]
            self.said[name] = alert["status"]
            self.annotations[name] = alert["annotations"]
        return web.Response()


def rules() -> dict[str, Any]:
    """The rules that are shipped, except that an alert ends with its cause: the test does not wait for `keep_firing_for`."""
    found = yaml.safe_load((FOLDER / "prometheus" / "rules.yaml").read_text())
    for group in found["groups"]:
        group["rules"] = [
            {key: value for key, value in rule.items() if key != "keep_firing_for"} for rule in group["rules"]
        ]
    return found


def scraping(target: str, alertmanager: int) -> dict[str, Any]:
    """What Prometheus is configured with."""
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "aether-auditor", "static_configs": [{"targets": [target]}]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
    }


def routing(webhook: int) -> dict[str, Any]:
    """What Alertmanager is configured with: every alert at once, each by itself."""
    receiver = {"name": "pager", "webhook_configs": [{"url": f"http://127.0.0.1:{webhook}/", "send_resolved": True}]}
    times = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
    return {"route": {"receiver": "pager", "group_by": ["..."], **times}, "receivers": [receiver]}


@asynccontextmanager
async def monitored(folder: Path, target: str, pager: Pager) -> AsyncIterator[str]:
    """Prometheus with the rules that are shipped, and Alertmanager that pages at once; Prometheus's address."""
    async with AsyncExitStack() as stack:
        prometheus, alertmanager = (stack.enter_context(reserved_port()) for _ in range(2))
        app = web.Application()
        app.router.add_post("/", pager.take)
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        webhook = runner.addresses[0][1]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(scraping(target, alertmanager)))
        (folder / "rules.yml").write_text(yaml.safe_dump(rules()))
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(routing(webhook)))
        await stack.enter_async_context(
            program(
                needed("prometheus-alertmanager"),
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{alertmanager}",
                "--cluster.listen-address=",
            )
        )
        await stack.enter_async_context(
            program(
                needed("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{prometheus}",
            )
        )
        yield f"http://127.0.0.1:{prometheus}"


def queries() -> list[tuple[str, str]]:
    """Every query of the dashboard that is shipped, as Grafana asks it for all audits."""
    dashboard = json.loads((FOLDER / "grafana" / "dashboard.json").read_text())
    return [
        (panel["title"], re.sub(r"\$(namespace|job|audit)\b", ".*", target["expr"]))
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]


async def test_damage_pages_and_accepting_it_ends_the_page(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    old = good(4)
    old[1].data = b"{"  # known damage: it was there before the first pass
    await store(server, admin, *old)
    assert (await auditor("selftest", "--config", configured(tmp_path, server.url))).code == 0
    audit = "schedule: {every: 500ms}"
    config = configured(tmp_path, server.url, audit, LISTEN)
    pager = Pager()
    async with (
        daemon(config) as running,
        monitored(tmp_path, running.address, pager) as prometheus,
        aiohttp.ClientSession() as http,
    ):
        await until(lambda: completed(running))

        async def value(query: str) -> list[dict]:
            try:
                answer = await http.get(f"{prometheus}/api/v1/query", params={"query": query})
            except aiohttp.ClientError:
                return []
            return json.loads(await answer.text())["data"]["result"] if answer.ok else []

        async def scraped() -> bool:
            return bool(await value('aether_auditor_findings{kind="malformed_event"} == 1'))

        await until(scraped, TIMEOUT_SECONDS)
        assert await value("ALERTS{alertstate='firing', severity='critical'}") == []  # the baseline does not page

        bad = good(5)[-1]
        bad.data = bad.data[:-1]
        await admin.request(bad.subject.decode(), bad.data)

        async def paged() -> bool:
            return pager.said.get("AetherCorruptionFound") == "firing"

        await until(paged, TIMEOUT_SECONDS)
        words = pager.annotations["AetherCorruptionFound"]
        assert words["summary"] == "New malformed_event in stream ORDERS"
        assert words["description"].startswith("2 findings of kind malformed_event are open in audit orders")
        assert words["runbook_url"].endswith("findings.md#malformed_event")
        accepting = (
            "accept",
            "--config",
            config,
            "--audit",
            "orders",
            "--kind",
            "malformed_event",
            "--reason",
            "known",
        )
        assert (await auditor(*accepting)).code == 0

        async def resolved() -> bool:
            return pager.said.get("AetherCorruptionFound") == "resolved"

        await until(resolved, TIMEOUT_SECONDS)
        assert set(pager.said) == {"AetherCorruptionFound"}
        empty = [(title, query) for title, query in queries() if not await value(query)]
        assert empty == []
        await running.stop()
