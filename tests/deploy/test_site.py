"""The documents are a website without a broken link, and the pages that are made from code are current."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deploy.site import leaves
from docs.generate import files
from tests.needs import need

ROOT = Path(__file__).parents[2]


def test_generated_pages_are_current() -> None:
    """If not: make docs."""
    for path, text in files().items():
        assert path.read_text() == text, path


def test_the_website_is_built_strictly(tmp_path: Path) -> None:
    need(None if (ROOT / ".venv" / "site.stamp").exists() else "mkdocs is not installed: make .venv/site.stamp")
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "mkdocs",
        "build",
        "--quiet",
        "--strict",
        "--site-dir",
        str(tmp_path),
    ]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for name in ("tutorial", "how-to/helm", "reference/configuration", "faq"):
        assert (tmp_path / name / "index.html").is_file()


def test_a_link_that_leaves_the_documents_becomes_text() -> None:
    assert leaves("", "../config/auditor.yaml")
    assert leaves("how-to", "../../README.md")
    assert leaves("", "decisions")
    assert not leaves("how-to", "../findings.md#version_gap")
    assert not leaves("", "#http")
    assert not leaves("", "https://example.org/x")
