"""The compiled twins read and write nothing outside of their memory, and have no undefined behaviour."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "speedups"
TESTS = (
    "tests/jetstream/connection/test_cutter.py",
    "tests/core/state/test_actor_rows.py",
    "tests/core/state/test_actor_table.py",
    "tests/aether/gojson/test_compiled_judge.py",
    "tests/core/replicas/test_digests.py",
)
pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")


def library(name: str) -> str:
    return subprocess.run(
        ["gcc", f"-print-file-name={name}"], check=True, capture_output=True, text=True
    ).stdout.strip()


def run_sanitized(folder: Path, *arguments: str) -> None:
    """Run pytest with AddressSanitizer and UndefinedBehaviorSanitizer. Fails if a test fails or they report something."""
    module = folder / "_speedups.so"
    flags = [
        "-O1",
        "-g",
        "-fno-omit-frame-pointer",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
        "-fPIC",
        "-shared",
    ]
    sources = map(str, sorted(SOURCES.glob("*.c")))
    subprocess.run(["gcc", *flags, f"-I{sysconfig.get_path('include')}", *sources, "-o", str(module)], check=True)
    environment = {
        **os.environ,
        "AUDITOR_SPEEDUPS": "auto",
        "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter keeps memory until its end
        "PYTHONMALLOC": "malloc",  # so that every allocation is checked
    }
    pytest_options = ("-q", "--capture=sys", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout", "3600")
    command = (sys.executable, "tests/sanitized.py", str(module), *pytest_options, *arguments)
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3_000:] + ended.stderr[-3_000:]
    assert " passed" in ended.stdout
    assert "runtime error" not in ended.stderr


def test_the_sanitizers_report_nothing_in_short_runs(tmp_path):
    run_sanitized(tmp_path, "-m", "not soak", *TESTS)


@pytest.mark.soak
def test_the_sanitizers_report_nothing_in_long_runs(tmp_path):
    run_sanitized(tmp_path, *TESTS)


def test_a_read_behind_the_end_would_be_reported(tmp_path):
    """The build has the sanitizers in it: with a mistake in the sources it fails."""
    source = (ROOT / "speedups" / "module.c").read_text()
    mistake = "    volatile char *bytes = PyMem_Malloc(8); (void)bytes[8];\n    PyObject *module = PyModule_Create"
    assert source.count("    PyObject *module = PyModule_Create") == 1
    wrong = tmp_path / "wrong"
    shutil.copytree(ROOT / "speedups", wrong / "speedups")
    (wrong / "speedups" / "module.c").write_text(source.replace("    PyObject *module = PyModule_Create", mistake))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[__name__], "SOURCES", wrong / "speedups")
        with pytest.raises(AssertionError, match="heap-buffer-overflow"):
            run_sanitized(tmp_path, TESTS[0])
