"""The manifests that kubectl builds are valid, also where no schema checks them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.prometheus_operator import v1 as prometheus_operator

from auditor.config import load
from tests.deploy.conftest import Build, Manifest, one

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("plain", "prometheus-operator")
ENUMERATIONS = {
    "imagePullPolicy": {"Always", "IfNotPresent", "Never"},
    "policyTypes": {"Ingress", "Egress"},
    "protocol": {"TCP", "UDP", "SCTP"},
    "seccompProfile.type": {"RuntimeDefault", "Localhost"},
    "strategy.type": {"Recreate", "RollingUpdate"},
    "spec.type": {"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"},
}
"""What the API server takes and no schema says."""
QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|Ki|Mi|Gi|M|G)?")


def check(manifest: Manifest) -> None:
    """Raises if it is not valid."""
    if manifest["kind"] in ("PrometheusRule", "ServiceMonitor"):
        getattr(prometheus_operator, manifest["kind"]).model_validate(manifest, extra="forbid")
    else:
        kubernetes_validate.validate(manifest, "1.37", strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_manifest_is_valid_strictly(build: Build, overlay: str) -> None:
    manifests = build(FOLDER / "overlays" / overlay)
    assert {"Deployment", "Service", "ServiceAccount", "ConfigMap", "NetworkPolicy"} <= {
        each["kind"] for each in manifests
    }
    for manifest in manifests:
        check(manifest)


def test_a_field_that_does_not_exist_is_refused(build: Build) -> None:
    for kind in ("Deployment", "PrometheusRule"):
        manifest = one(build(FOLDER / "overlays" / "prometheus-operator"), kind)
        manifest["spec"]["replics"] = 1
        with pytest.raises(Exception, match="replics"):
            check(manifest)


def chosen(value: Any, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Where a manifest chooses from an enumeration, and what."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from chosen(below, f"{path}.{key}")
    elif isinstance(value, list) and not all(isinstance(each, str) for each in value):
        for each in value:
            yield from chosen(each, path)
    else:
        for name in ENUMERATIONS:
            if path.endswith(f".{name}"):
                yield name, {value} if isinstance(value, str) else set(value)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_chosen_from_an_enumeration_is_in_it(build: Build, overlay: str) -> None:
    choices = [choice for manifest in build(FOLDER / "overlays" / overlay) for choice in chosen(manifest)]
    assert {name for name, _ in choices} == set(ENUMERATIONS)
    for name, values in choices:
        assert values <= ENUMERATIONS[name]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_names_and_ports_meet(build: Build, overlay: str) -> None:
    manifests = build(FOLDER / "overlays" / overlay)
    deployment, service, policy = (one(manifests, kind) for kind in ("Deployment", "Service", "NetworkPolicy"))
    pod = deployment["spec"]["template"]
    labels = pod["metadata"]["labels"].items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels
    assert service["spec"]["selector"].items() <= labels
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels
    (container,) = pod["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")]
    assert {probe["port"] for probe in probes} <= ports
    assert [probe["path"] for probe in probes] == ["/livez", "/livez", "/readyz"]
    assert {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]} <= ports
    assert pod["spec"]["serviceAccountName"] == one(manifests, "ServiceAccount")["metadata"]["name"]
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    assert volumes["config"]["configMap"]["name"] == one(manifests, "ConfigMap")["metadata"]["name"]
    assert {each["metadata"]["namespace"] for each in manifests} == {"aether-auditor"}
    if overlay == "prometheus-operator":
        monitor = one(manifests, "ServiceMonitor")["spec"]
        assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert {endpoint["port"] for endpoint in monitor["endpoints"]} <= {
            port["name"] for port in service["spec"]["ports"]
        }
    else:
        assert service["metadata"]["annotations"]["prometheus.io/port"] == str(container["ports"][0]["containerPort"])


def test_the_pod_may_do_as_little_as_it_needs(build: Build) -> None:
    spec = one(build(FOLDER / "base"), "Deployment")["spec"]
    pod, (container,) = spec["template"]["spec"], spec["template"]["spec"]["containers"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
    }
    assert pod["terminationGracePeriodSeconds"] > 10
    resources = container["resources"]
    quantities = [value for part in resources.values() for value in part.values()]
    assert all(QUANTITY.fullmatch(value) for value in quantities)
    assert resources["limits"]["memory"] == "768Mi"  # above the peak of a million actors: docs/performance.md
    assert "222 MiB" in (ROOT / "docs" / "performance.md").read_text()


def test_only_prometheus_comes_in_and_only_nats_and_dns_are_reached(build: Build) -> None:
    policy = one(build(FOLDER / "base"), "NetworkPolicy")["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    (ingress,) = policy["ingress"]
    assert ingress["from"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}
    assert policy["egress"][0]["to"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "nats"}
    assert [{port["port"] for port in rule["ports"]} for rule in policy["egress"]] == [{4222}, {53}]


def test_a_nats_outside_the_cluster_is_reached_by_its_addresses(build: Build, tmp_path: Path) -> None:
    overlay = ROOT / "deploy" / "kubernetes" / "overlays" / "plain"
    copied = tmp_path / "kubernetes"
    subprocess.run(["cp", "-r", overlay.parents[1], copied], check=True)
    own = copied / "overlays" / "plain" / "kustomization.yaml"
    own.write_text(own.read_text() + "components:\n  - ../../components/nats-outside\n")
    manifests = build(own.parent)
    policy = one(manifests, "NetworkPolicy")
    check(policy)
    assert policy["spec"]["egress"][0]["to"] == [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
    assert policy["spec"]["egress"][0]["ports"] == [{"port": 4222, "protocol": "TCP"}]


def test_the_configuration_in_the_config_map_is_valid_where_it_is_mounted(build: Build, tmp_path: Path) -> None:
    manifests = build(FOLDER / "base")
    config_map, deployment = one(manifests, "ConfigMap"), one(manifests, "Deployment")
    text = config_map["data"]["auditor.yaml"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert container["args"] == ["run", "--config", f"{mounts['config']}/auditor.yaml"]
    assert f"credentials_file: {mounts['nats']}/auditor.creds" in text
    assert not mounts["nats"].startswith(f"{mounts['config']}/")  # a mount inside a read-only one can't be made
    (tmp_path / "auditor.creds").write_text("")
    path = tmp_path / "auditor.yaml"
    path.write_text(text.replace(f"{mounts['nats']}/auditor.creds", str(tmp_path / "auditor.creds")))
    config = load(path)
    assert all(audit.max_rate for audit in config.audits)
    assert config.http.port == container["ports"][0]["containerPort"]


def test_a_changed_configuration_restarts_the_pod(build: Build, tmp_path: Path) -> None:
    copied = tmp_path / "kubernetes"
    subprocess.run(["cp", "-r", FOLDER, copied], check=True)
    path = copied / "base" / "auditor.yaml"
    path.write_text(path.read_text().replace("every: 5m", "every: 6m"))
    before, after = (one(build(folder / "base"), "Deployment")["spec"]["template"] for folder in (FOLDER, copied))
    assert before != after


def test_the_operator_has_the_rules_of_prometheus(build: Build) -> None:
    manifests = build(FOLDER / "overlays" / "prometheus-operator")
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text())
    assert one(manifests, "PrometheusRule")["spec"] == rules


def test_one_value_of_the_overlay_is_the_address_in_every_runbook_url(build: Build, tmp_path: Path) -> None:
    copied = tmp_path / "kubernetes"
    subprocess.run(["cp", "-r", FOLDER, copied], check=True)
    overlay = copied / "overlays" / "prometheus-operator"
    path = overlay / "kustomization.yaml"
    path.write_text(
        path.read_text().replace("url=http://aether-auditor.aether-auditor.svc:9464", "url=https://audit.example")
    )
    before, after = (
        [rule["annotations"]["runbook_url"] for group in rules["spec"]["groups"] for rule in group["rules"]]
        for rules in (
            one(build(FOLDER / "overlays" / "prometheus-operator"), "PrometheusRule"),
            one(build(overlay), "PrometheusRule"),
        )
    )
    assert after == [
        url.replace("http://aether-auditor.aether-auditor.svc:9464", "https://audit.example") for url in before
    ]
    assert all(url.startswith("https://audit.example/docs/") for url in after)
