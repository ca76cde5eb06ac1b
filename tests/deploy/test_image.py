"""The image is small, runs without root on a read-only root, and works in the pod of the manifest."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from email import message_from_string
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
import yaml

from auditor import __version__ as auditor_version
from auditor.embedded_server import reserved_port
from tests.acceptance.conftest import Guarded, Way, auditor, guarding, totals
from tests.acceptance.test_authentication import creds
from tests.acceptance.test_run import Served, completed, until
from tests.deploy.conftest import Build, Helm, Manifest, one
from tests.deploy.images import DEMO, IMAGE, ROOT, Images
from tests.deploy.test_helm import KUSTOMIZE, render
from tests.needs import need

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

__all__ = ["guarding"]
pytestmark = [pytest.mark.image, pytest.mark.timeout(1200)]
PLAIN = ROOT / "deploy" / "kubernetes" / "overlays" / "plain"
CONTAINER = "aether-auditor-pod-0-auditor"
CONFINED = ("--network=host", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges")
LARGEST = 100_000_000
"""Bytes over the base."""


@pytest.fixture(scope="module")
def images() -> Iterator[Images]:
    need(None if os.geteuid() == 0 else "an image is built as root")
    with tempfile.TemporaryDirectory(prefix="auditor-images-") as folder:
        images = Images(Path(folder))
        try:
            images.build()
            yield images
        finally:
            images.remove()


def test_it_is_one_command_of_a_user_who_is_not_root(images: Images) -> None:
    config = images.inspect(IMAGE)["Config"]
    assert (config["User"], config["Entrypoint"]) == ("10001:10001", ["auditor"])
    assert config["Labels"]["org.opencontainers.image.title"] == "aether-auditor"
    assert images.podman("run", "--rm", *CONFINED, "--entrypoint=id", IMAGE, "-u").strip() == "10001"


def test_the_compiled_speedups_are_in_it(images: Images) -> None:
    assert "(speedups: compiled)" in images.podman("run", "--rm", *CONFINED, IMAGE, "--version")


def test_it_adds_little_to_its_base_and_nothing_that_installs_or_compiles(images: Images) -> None:
    container = images.buildah("from", "--pull=never", IMAGE).strip()
    root = Path(images.buildah("mount", container).strip())
    added = sum(path.lstat().st_size for path in (root / "opt" / "auditor").rglob("*"))
    (said,) = re.findall(r"(\d+) MB over its base", (ROOT / "README.md").read_text())
    assert added <= LARGEST
    assert added == pytest.approx(int(said) * 1e6, rel=0.1)
    for left in ("opt/auditor/bin/pip*", "root/.cache", "usr/bin/gcc", "usr/bin/cc", "src"):
        assert not [*root.glob(left)]


def test_the_target_demo_finds_all_seeded_damage_on_a_root_that_is_read_only(images: Images) -> None:
    said = images.podman("run", "--rm", *CONFINED, DEMO, "demo", "--once", code=2)
    assert "everything planted was found, and nothing else" in said
    images.podman("run", "--rm", *CONFINED, DEMO, "selftest")


def test_the_image_of_a_cluster_has_no_server_and_says_so(images: Images) -> None:
    container = images.buildah("from", "--pull=never", IMAGE).strip()
    root = Path(images.buildah("mount", container).strip())
    assert [path.name for path in (root / "opt" / "auditor").rglob("*nats*server*")] == []
    images.podman("run", "--rm", *CONFINED, IMAGE, "demo", "--once", code=1)


def test_the_list_of_its_components_is_what_is_installed(images: Images) -> None:
    container = images.buildah("from", "--pull=never", IMAGE).strip()
    root = Path(images.buildah("mount", container).strip())
    listed = json.loads((root / "opt" / "auditor" / "sbom.cdx.json").read_text())
    assert (listed["bomFormat"], listed["metadata"]["component"]["name"]) == ("CycloneDX", "aether-auditor")
    installed = {
        (metadata["Name"].lower().replace("_", "-"), metadata["Version"])
        for info in root.glob("opt/auditor/lib/python3*/site-packages/*.dist-info/METADATA")
        for metadata in [message_from_string(info.read_text())]
    }
    found = {(each["name"].lower().replace("_", "-"), each["version"]) for each in listed["components"]}
    assert found | {("aether-auditor", auditor_version)} == installed
    assert all(each["purl"].startswith("pkg:pypi/") for each in listed["components"])


def pod(manifests: list[Manifest], nats: str, port: int, secret: Path) -> str:
    """The Deployment with its ConfigMap as podman can run it, for this server, with the files of its Secret."""
    deployment, config_map = one(manifests, "Deployment"), one(manifests, "ConfigMap")
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    container["image"] = IMAGE
    del container["ports"]  # there are none to map on the host's network
    for probe in ("startup", "liveness", "readiness"):
        container[f"{probe}Probe"]["httpGet"]["port"] = port
    (volume,) = (volume for volume in spec["volumes"] if "secret" in volume)
    # Podman 4.3 mounts a Secret undecoded, so its files are laid out here as the kubelet does it.
    for file in secret.iterdir():
        os.chown(file, 0, spec["securityContext"]["fsGroup"])
        file.chmod(volume["secret"]["defaultMode"])
    volume["hostPath"] = {"path": str(secret)}
    del volume["secret"]
    config = yaml.safe_load(config_map["data"]["auditor.yaml"])
    config["nats"]["servers"] = [nats]
    config["http"]["listen"] = f"127.0.0.1:{port}"
    config_map["data"]["auditor.yaml"] = yaml.safe_dump(config)
    return yaml.safe_dump_all([config_map, deployment])


@pytest.mark.parametrize("source", ["kustomize", "helm"])
async def test_the_pod_of_the_manifest_audits_is_scraped_and_ends_on_sigterm(
    images: Images,
    build: Build,
    helm: Helm,
    source: str,
    guarding: Callable[[Way], Awaitable[Guarded]],
    tmp_path: Path,
) -> None:
    manifests = build(PLAIN) if source == "kustomize" else render(helm, KUSTOMIZE)
    guarded = await guarding(creds(tmp_path))
    assert (await auditor("provision", "--config", guarded.config("administrator"))).code == 0
    with reserved_port() as port:
        manifest = tmp_path / "pod.yaml"
        secret = tmp_path / "secret"
        secret.mkdir(mode=0o755)
        shutil.copy(tmp_path / "auditor.creds", secret)
        manifest.write_text(pod(manifests, guarded.server.url, port, secret))
        images.podman("play", "kube", "--network", "host", str(manifest))
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            served = Served(http)
            try:
                await until(lambda: scraped(served))
            except TimeoutError:
                pytest.fail(images.logs(CONTAINER))
            assert (await served.audit())["findings_total"] == totals(guarded.seeded)
            assert await served.metric("malformed_events") == totals(guarded.seeded)["malformed_event"]
            assert (await served.ready())[0] == 200
        known = images.inspect(CONTAINER)
        assert known["HostConfig"]["ReadonlyRootfs"] is True
        assert known["HostConfig"]["Memory"] == 768 * 2**20
        assert known["EffectiveCaps"] in (None, [])
        assert known["Config"]["User"] == "10001:10001"
        begun = time.monotonic()
        images.podman("stop", "--time=30", CONTAINER)
        assert time.monotonic() - begun < 15
        assert images.inspect(CONTAINER)["State"]["ExitCode"] == 0
        images.podman("play", "kube", "--down", str(manifest))


async def scraped(served: Served) -> bool:
    """Return whether the pod is ready and has completed its passes and the self-test."""
    try:
        return await served.metric("selftest_ok") == 1 and await completed(served)
    except aiohttp.ClientConnectionError:
        return False
