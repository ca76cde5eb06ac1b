"""Builds the image with buildah in a separate store, and runs it with podman. Nothing is pulled."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.deploy.conftest import needed

ROOT = Path(__file__).parents[2]
IMAGE = "localhost/aether-auditor:test"
DEMO = "localhost/aether-auditor:demo"
DISTRIBUTION = "trixie"
"""Whose Python is the one of the base."""
OF_THE_MACHINE = ("/etc/ssl/certs", "/etc/pip.conf")
"""What a build may need to reach the package index, where there is such a thing."""
CONTAINERS_CONF = """
[containers]
netns = "host"
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
"""Podman as it also runs where a container runs the tests."""


class Images:
    """A store with the image. Nothing else of the machine is used or changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = ("--root", str(folder / "store"), "--runroot", str(folder / "run"), "--storage-driver", "vfs")
        (folder / "containers.conf").write_text(CONTAINERS_CONF)

    def build(self) -> None:
        """The image, on a stand-in for its base: the distribution's own Python, under the name of the real one."""
        (base,) = re.findall("^ARG BASE=(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        tree = self._folder / "base.tar"
        self._run(
            needed("mmdebstrap"),
            *("--quiet", "--variant=minbase", "--include=python3,python3-dev,python3-pip,python3-venv,ca-certificates"),
            """--customize-hook=rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED""",
            """--customize-hook=ln -s python3 "$1"/usr/bin/python""",
            *(DISTRIBUTION, str(tree)),
        )
        container = self.buildah("from", "scratch").strip()
        self.buildah("add", "--quiet", container, str(tree), "/")
        self.buildah("commit", "--quiet", "--rm", container, base)
        tree.unlink()
        volumes = [f"--volume={path}:{path}:ro" for path in OF_THE_MACHINE if Path(path).exists()]
        options = ("--quiet", "--isolation", "chroot", "--pull=never", "--network", "host", "--format", "docker")
        for tag, target in ((IMAGE, "auditor"), (DEMO, "demo")):
            self.buildah("bud", *options, *volumes, "--layers", "--target", target, "--tag", tag, str(ROOT))

    def buildah(self, *arguments: str) -> str:
        """What it prints."""
        return self._run(needed("buildah"), *self._store, *arguments).stdout

    def podman(self, *arguments: str, code: int = 0) -> str:
        """What it prints, where it ends with this code."""
        return self._run(needed("podman"), *self._store, *arguments, code=code).stdout

    def inspect(self, name: str) -> dict[str, Any]:
        """All that podman knows of a container or an image."""
        (known,) = json.loads(self.podman("inspect", name))
        return known

    def logs(self, name: str) -> str:
        """What a container's command wrote to stderr."""
        return self._run(needed("podman"), *self._store, "logs", name).stderr

    def remove(self) -> None:
        """End and forget whatever still runs."""
        self.podman("pod", "rm", "--all", "--force")
        self.podman("rm", "--all", "--force")
        self.buildah("rm", "--all")

    def _run(self, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "CONTAINERS_CONF": str(self._folder / "containers.conf")}
        ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        assert ended.returncode == code, f"{command}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended
