"""The chart renders with a real helm to valid manifests, which are those of kustomize where they should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.config import load
from deploy.generate import files
from tests.deploy.conftest import Build, Helm, Manifest, one
from tests.deploy.test_kubernetes import ENUMERATIONS, check, chosen

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "aether-auditor"
OVERLAY = ROOT / "deploy" / "kubernetes" / "overlays" / "prometheus-operator"
KUSTOMIZE, ALL = (str(CHART / "ci" / f"{name}-values.yaml") for name in ("kustomize", "all"))
HELM_LABELS = {
    "helm.sh/chart",
    *(f"app.kubernetes.io/{name}" for name in ("instance", "version", "managed-by")),
}


def render(helm: Helm, values: str, *options: str) -> list[Manifest]:
    name = "aether-auditor"
    text = helm("template", name, str(CHART), "--namespace", name, "--values", values, *options)
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def by_kind(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {f"{each['kind']} {each['metadata']['name']}": each for each in manifests}


@pytest.mark.parametrize("values", [KUSTOMIZE, ALL], ids=["kustomize", "all"])
def test_helm_lints_the_chart_and_every_manifest_is_valid_strictly(helm: Helm, values: str) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART), "--values", values)
    manifests = render(helm, values)
    assert len(by_kind(manifests)) == len(manifests)
    for manifest in manifests:
        assert manifest["metadata"]["namespace"] == "aether-auditor"
        if manifest["kind"] != "ExternalSecret":  # whose schema no package has
            check(manifest)
    for name, found in (choice for manifest in manifests for choice in chosen(manifest)):
        assert found <= ENUMERATIONS[name]


def without_helm(value: Any) -> Any:
    """The manifest without labels that only helm sets, and without the two ways to restart a pod for a new configuration."""
    if isinstance(value, dict):
        kept = {key: without_helm(below) for key, below in value.items() if key not in HELM_LABELS}
        kept.pop("checksum/config", None)
        return {key: below for key, below in kept.items() if below != {} or value[key] == {}}
    if isinstance(value, list):
        return [without_helm(each) for each in value]
    return value


def normalized(manifests: list[Manifest]) -> dict[str, Manifest]:
    config_map = next(each for each in manifests if each["kind"] == "ConfigMap")["metadata"]["name"]
    text = json.dumps(without_helm(manifests)).replace(config_map, "aether-auditor")
    found = by_kind(json.loads(text))
    data = found["ConfigMap aether-auditor"]["data"]
    data["auditor.yaml"] = yaml.safe_load(data["auditor.yaml"])
    return found


def test_the_manifests_are_those_of_kustomize(helm: Helm, build: Build) -> None:
    ours, theirs = normalized(render(helm, KUSTOMIZE)), normalized(build(OVERLAY))
    assert set(ours) == set(theirs)
    for name in ours:
        assert ours[name] == theirs[name], name


def test_generated_files_are_current() -> None:
    """If not: make deploy."""
    for path, text in files().items():
        assert path.read_text() == text, path


def test_selectors_and_ports_meet(helm: Helm) -> None:
    manifests = by_kind(render(helm, ALL))
    deployment, service = manifests["Deployment aether-auditor"], manifests["Service aether-auditor"]
    pod = deployment["spec"]["template"]
    labels = pod["metadata"]["labels"].items()
    (container,) = pod["spec"]["containers"]
    for selector in (
        deployment["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        manifests["NetworkPolicy aether-auditor"]["spec"]["podSelector"]["matchLabels"],
        manifests["PodDisruptionBudget aether-auditor"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels
    monitor = manifests["ServiceMonitor aether-auditor"]["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert container["ports"] == [{"name": "http", "containerPort": 9999, "protocol": "TCP"}]
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")]
    assert [(probe["path"], probe["port"], probe["scheme"]) for probe in probes] == [
        (path, "http", "HTTPS") for path in ("/livez", "/livez", "/readyz")
    ]
    assert monitor["endpoints"][0]["scheme"] == "https"
    scan = manifests["CronJob aether-auditor-scan"]["spec"]["jobTemplate"]["spec"]["template"]
    scan_labels = scan["metadata"]["labels"].items()
    assert not service["spec"]["selector"].items() <= scan_labels
    assert manifests["NetworkPolicy aether-auditor-scan"]["spec"]["podSelector"]["matchLabels"].items() <= scan_labels
    for spec in (pod["spec"], scan["spec"]):
        volumes = {volume["name"] for volume in spec["volumes"]}
        assert {mount["name"] for mount in spec["containers"][0]["volumeMounts"]} == volumes
        assert volumes == {"config", "nats", "web", "scratch"}
    assert scan["spec"]["containers"][0]["args"][:3] == ["scan", "--config", "/etc/auditor/config/auditor.yaml"]


def test_every_setting_of_the_configuration_file_is_passed_on(helm: Helm, tmp_path: Path) -> None:
    example = yaml.safe_load((ROOT / "config" / "auditor.yaml").read_text())
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"config": example}))
    (tmp_path / "auditor.yaml").write_text(one(render(helm, str(values)), "ConfigMap")["data"]["auditor.yaml"])
    assert load(tmp_path / "auditor.yaml") == load(ROOT / "config" / "auditor.yaml")


def test_the_configuration_names_the_web_configuration_and_a_change_restarts_the_pod(helm: Helm) -> None:
    config_map = by_kind(render(helm, ALL))["ConfigMap aether-auditor"]
    config = yaml.safe_load(config_map["data"]["auditor.yaml"])
    assert config["http"] == {"listen": "0.0.0.0:9999", "web_config_file": "/etc/auditor/web/web.yaml"}
    before, after = (
        one(render(helm, KUSTOMIZE, *options), "Deployment")["spec"]["template"]["metadata"]["annotations"]
        for options in ((), ("--set", "config.log.level=debug"))
    )
    assert before != after


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("config.audits=null", "audits"),
        ("config.audits[0].strem=X", "strem"),
        ("config.audits[0].full_pass_every=soon", "full_pass_every"),
        ("replica=2", "replica"),
        ("replicas=-1", "replicas"),
        ("image.digest=latest", "digest"),
        ("networkPolicy.nats=null", "nats"),
        ("webConfig=null", "webConfig"),
    ],
)
def test_a_value_that_is_wrong_is_refused_with_its_path(helm: Helm, option: str, problem: str) -> None:
    error = helm("template", "x", str(CHART), "--values", KUSTOMIZE, "--set", option, code=1)
    assert "values don't meet the specifications of the schema" in error
    assert problem in error


def test_one_value_is_the_address_in_runbook_urls_and_in_the_dashboard(helm: Helm) -> None:
    manifests = by_kind(render(helm, ALL))
    rules = manifests["PrometheusRule aether-auditor"]["spec"]["groups"]
    urls = [rule["annotations"]["runbook_url"] for group in rules for rule in group["rules"]]
    assert all(url.startswith("https://audit.example/docs/") for url in urls)
    dashboard = manifests["ConfigMap aether-auditor-dashboard"]
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    variables = json.loads(dashboard["data"]["aether-auditor.json"])["templating"]["list"]
    assert {"https://audit.example"} == {each["query"] for each in variables if each["name"] == "auditor"}


def test_an_external_secret_has_the_name_that_the_pod_mounts(helm: Helm) -> None:
    manifests = by_kind(render(helm, ALL))
    secret = manifests["ExternalSecret aether-auditor-nats"]
    volumes = manifests["Deployment aether-auditor"]["spec"]["template"]["spec"]["volumes"]
    (mounted,) = (volume["secret"]["secretName"] for volume in volumes if volume["name"] == "nats")
    assert secret["spec"]["target"]["name"] == mounted == "aether-auditor-nats"
