"""Checks that every file names the version that is released, and writes its section of CHANGELOG.md: `make release-check`."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from auditor import __version__

ROOT = Path(__file__).parent.parent
PLACES = {
    "Dockerfile": r"^ARG VERSION=(\S+)$",
    "deploy/helm/aether-auditor/Chart.yaml": r"^(?:version|appVersion): (\S+)$",
    "deploy/kubernetes/base/kustomization.yaml": r"^    newTag: (\S+)$",
}
"""Files with the version, and the text around it."""


def versions() -> dict[str, set[str]]:
    """Return the versions that each file names."""
    return {name: set(re.findall(where, (ROOT / name).read_text(), re.MULTILINE)) for name, where in PLACES.items()}


def notes(version: str) -> str | None:
    """Return the section of `version` in CHANGELOG.md; None if there is none."""
    found = re.search(
        rf"^## \[?{re.escape(version)}\]? - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)",
        (ROOT / "CHANGELOG.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    return found[1].strip() + "\n" if found else None


def problems(tag: str) -> list[str]:
    """Return why the tag cannot be released, a line each."""
    found = [f"the tag is {tag}, and auditor/__init__.py has version {__version__}"] * (tag != f"v{__version__}")
    found += [
        f"{name} names {', '.join(sorted(named)) or 'no version'}, and not {__version__}"
        for name, named in versions().items()
        if named != {__version__}
    ]
    if notes(__version__) is None:
        found.append(f"CHANGELOG.md has no section for {__version__} with a date")
    return found


if __name__ == "__main__":
    if lines := problems(os.environ.get("VERSION", "")):
        sys.exit("\n".join(lines))
    (ROOT / "dist").mkdir(exist_ok=True)
    (ROOT / "dist" / "notes.md").write_text(notes(__version__) or "")
