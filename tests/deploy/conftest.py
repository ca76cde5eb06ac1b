"""What tests of the deployment need: programs, and the manifests as kubectl builds them."""

from __future__ import annotations

import copy
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.programs import extract
from tests.needs import need

Manifest = dict[str, Any]
Build = Callable[[Path], list[Manifest]]
Helm = Callable[..., str]


def needed(program: str) -> str:
    """The path of a program that `.ci/run` installs."""
    found = shutil.which(program)
    need(None if found else f"{program} is not installed: see .ci/run")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with kubectl and helm."""
    folder = tmp_path_factory.mktemp("programs")
    extract(folder)
    return folder


@pytest.fixture(scope="session")
def build(programs: Path) -> Build:
    """Gives the manifests of a folder."""

    @cache
    def built(folder: Path) -> list[Manifest]:
        ended = subprocess.run(
            [programs / "kubectl", "kustomize", folder], capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return list(yaml.safe_load_all(ended.stdout))

    return lambda folder: copy.deepcopy(built(folder))


@pytest.fixture(scope="session")
def helm(programs: Path) -> Helm:
    """Runs helm with these arguments, and returns what it prints. Nothing of the machine is read or written."""
    home = {f"HELM_{name}_HOME": str(programs / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}

    def run(*arguments: str, code: int = 0) -> str:
        ended = subprocess.run(
            [programs / "helm", *arguments],
            env={**home, "PATH": ""},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stderr if code else ended.stdout

    return run


def one(manifests: list[Manifest], kind: str) -> Manifest:
    (found,) = (each for each in manifests if each["kind"] == kind)
    return found
