"""Every link of the pages that a daemon serves, and of the alerts, leads to something that it serves."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin

import pytest
import yaml

from auditor.core.model.findings import Kind
from tests.acceptance.conftest import admin, configured, seeded
from tests.acceptance.test_run import LISTEN, completed, daemon, until

if TYPE_CHECKING:
    from auditor.embedded_server import EmbeddedServer
    from tests.acceptance.test_run import Running

__all__ = ["admin", "seeded"]
RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules.yaml"
SERVICE = "http://aether-auditor.aether-auditor.svc:9464"


class Page(HTMLParser):
    """The links and the ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src"):
                self.links.add(value or "")
            if name == "id":
                self.ids.add(value or "")


async def dead_links(running: Running, *starts: str) -> dict[str, str]:
    """Follow every link from `starts` to paths of the daemon; by link that leads nowhere, the page that has it."""
    pages: dict[str, Page] = {}
    dead: dict[str, str] = {}
    todo = [(start, "the start") for start in starts]
    seen = set(starts)
    while todo:
        link, source = todo.pop()
        path, fragment = urldefrag(link)
        if path not in pages:
            answer = await running.http.get(path)
            if answer.status != 200:
                dead[link] = source
                continue
            pages[path] = Page(await answer.text() if answer.content_type == "text/html" else "")
            for target in pages[path].links:
                joined = urljoin(answer.url.path, target)  # which a redirect may have changed
                if "://" not in joined and joined not in seen:
                    seen.add(joined)
                    todo.append((joined, path))
        if fragment and fragment not in pages[path].ids:
            dead[link] = source
    return dead


def runbook_paths() -> set[str]:
    """The paths of all runbook URLs, for every kind of finding where the URL depends on it."""
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    found = set()
    for rule in rules:
        url = rule["annotations"]["runbook_url"]
        assert url.startswith(f"{SERVICE}/docs/")
        kinds = [""]
        if "{{ $labels.kind }}" in url:
            ((how, pattern),) = set(re.findall(r'kind([=!]~)"([^"]+)"', rule["expr"]))
            kinds = [kind for kind in Kind if bool(re.fullmatch(pattern, kind)) is (how == "=~")]
        found |= {url.removeprefix(SERVICE).replace("{{ $labels.kind }}", kind) for kind in kinds}
    return found


@pytest.mark.usefixtures("seeded")
async def test_every_link_of_the_page_of_the_documents_and_of_the_alerts_leads_somewhere(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    async with daemon(configured(tmp_path, server.url, more=LISTEN)) as running:
        await until(lambda: completed(running))
        paths = runbook_paths()
        assert len(paths) > 15
        assert await dead_links(running, "/", "/docs", *paths) == {}
        assert await dead_links(running, "/docs/nothing.md", "/docs/findings.md#nothing") == {
            "/docs/nothing.md": "the start",
            "/docs/findings.md#nothing": "the start",
        }
        await running.stop()
