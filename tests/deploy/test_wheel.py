"""The wheel has everything that the program reads at run time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("auditor", "docs", "speedups", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")


def test_the_wheel_has_the_documents_and_the_templates(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in SOURCES:  # those that the Dockerfile copies
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*command, "--wheel-dir", tmp_path, source],
        check=True,
        timeout=100,
        env={**os.environ, "AUDITOR_SPEEDUPS": "no"},
    )
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    documents = {f"auditor/docs/{path.relative_to(ROOT / 'docs')}" for path in (ROOT / "docs").rglob("*.md")}
    code = {
        str(path.relative_to(ROOT)) for suffix in ("py", "html") for path in (ROOT / "auditor").rglob(f"*.{suffix}")
    }
    assert documents | code <= packed
