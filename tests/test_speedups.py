"""The compiled twins are optional, and it is visible whether they are in use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from auditor import speedups

ROOT = Path(__file__).parent.parent
C_SOURCES = sorted((ROOT / "speedups").glob("*.c"))
SHOWN = "from auditor.speedups import TWINS, why_not; print(TWINS, why_not)"


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def build(folder: Path, **environment: str) -> tuple[int, list[str], str]:
    """Build a wheel from a copy of the sources: the exit code, the compiled modules in the wheel, and the output."""
    source = folder / "source"
    shutil.copytree(ROOT / "auditor", source / "auditor", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copytree(ROOT / "speedups", source / "speedups")
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = (
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "--verbose",
    )
    ended = run(*pip, "--wheel-dir", str(folder), str(source), **environment)
    names = [name for wheel in folder.glob("*.whl") for name in zipfile.ZipFile(wheel).namelist()]
    return ended.returncode, [name for name in names if "_speedups" in name], ended.stdout + ended.stderr


def test_without_a_compiler_the_package_is_built_without_speedups_and_says_so(tmp_path):
    code, compiled, output = build(tmp_path, CC="/bin/false", AUDITOR_SPEEDUPS="auto")
    assert (code, compiled) == (0, [])
    assert "warning: auditor._speedups was not built" in output


def test_without_a_compiler_a_build_that_requires_speedups_fails(tmp_path):
    code, _, output = build(tmp_path, CC="/bin/false", AUDITOR_SPEEDUPS="require")
    assert code != 0
    assert "/bin/false" in output


@pytest.mark.parametrize(
    ("wanted", "code", "text"),
    [("no", 0, "auditor"), ("maybe", 1, "AUDITOR_SPEEDUPS is maybe: give auto, no or require")],
)
def test_the_variable_is_read_at_run_time(wanted, code, text):
    shown = run(sys.executable, "-m", "auditor", "--version", AUDITOR_SPEEDUPS=wanted)
    assert (shown.returncode, text in shown.stdout + shown.stderr) == (code, True)
    assert run(sys.executable, "-c", SHOWN, AUDITOR_SPEEDUPS="no").stdout == "python AUDITOR_SPEEDUPS is no\n"


@pytest.mark.skipif(speedups.compiled is None, reason="the compiled twins are not in use")
def test_a_module_of_another_interface_is_not_used():
    other = f"from auditor import _speedups; _speedups.INTERFACE += 1; {SHOWN}"
    assert run(sys.executable, "-c", other).stdout == "python they were built from other sources\n"


def test_the_speedups_are_required_only_if_the_environment_says_so():
    without = "import sys; sys.modules['auditor._speedups'] = None; from auditor.cli.entry import run; sys.exit(run(['--version']))"
    required = run(sys.executable, "-c", without, AUDITOR_SPEEDUPS="require")
    assert (required.returncode, "compiled speedups are not in use (they were not built)" in required.stderr) == (
        1,
        True,
    )
    assert run(sys.executable, "-c", without, AUDITOR_SPEEDUPS="auto").returncode == 0


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")
def test_the_sources_compile_without_a_warning(tmp_path):
    flags = ["-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-fPIC", "-shared"]
    ended = run(
        "gcc", *flags, f"-I{sysconfig.get_path('include')}", *map(str, C_SOURCES), "-o", str(tmp_path / "_speedups.so")
    )
    assert (ended.returncode, ended.stderr) == (0, "")
