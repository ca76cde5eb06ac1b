"""Writes the files of this folder that are made from others: the PrometheusRule of kustomize, and the schema of the chart's values.

`make deploy` runs it. A test says if a file is not what this writes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from auditor.config import schema

FOLDER = Path(__file__).parent
RULE = FOLDER / "kubernetes" / "overlays" / "prometheus-operator" / "prometheusrule.yaml"
VALUES_SCHEMA = FOLDER / "helm" / "aether-auditor" / "values.schema.json"
RULE_HEAD = """\
# deploy/prometheus/rules.yaml as the Prometheus operator takes it; written by deploy/generate.py.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: aether-auditor
spec:
"""
TEXT: dict[str, Any] = {"type": "string"}
FLAG: dict[str, Any] = {"type": "boolean"}
PORT: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 65535}
ANY_MAPPING: dict[str, Any] = {"type": "object"}
TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": TEXT}
MAPPINGS: dict[str, Any] = {"type": "array", "items": ANY_MAPPING}
PEERS: dict[str, Any] = {"type": "array", "items": ANY_MAPPING, "minItems": 1}


def section(**properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a mapping with these keys and no others. All have defaults, so one is absent only if it is set to null."""
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "required": sorted(properties),
    }


def values_schema() -> dict[str, Any]:
    """Return the JSON Schema of the values of the chart. That of `config` is the schema of the configuration file."""
    config = schema()
    del config["$schema"]
    definitions = config.pop("$defs")
    values = section(
        config=config,
        image=section(
            repository=TEXT,
            tag=TEXT,
            digest={"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
            pullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
            pullSecrets={"type": "array", "items": TEXT},
        ),
        nameOverride=TEXT,
        fullnameOverride=TEXT,
        credentials=section(
            existingSecret=TEXT,
            externalSecret=section(
                enabled=FLAG, refreshInterval=TEXT, secretStoreRef=ANY_MAPPING, data=MAPPINGS, dataFrom=MAPPINGS
            ),
        ),
        webConfig=section(existingSecret=TEXT, file=TEXT, tls=FLAG),
        replicas={"type": "integer", "minimum": 0},
        env=MAPPINGS,
        envFrom=MAPPINGS,
        resources=ANY_MAPPING,
        podAnnotations=TEXTS,
        podLabels=TEXTS,
        nodeSelector=TEXTS,
        tolerations=MAPPINGS,
        affinity=ANY_MAPPING,
        topologySpreadConstraints=MAPPINGS,
        priorityClassName=TEXT,
        extraVolumes=MAPPINGS,
        extraVolumeMounts=MAPPINGS,
        serviceAccount=section(create=FLAG, name=TEXT, annotations=TEXTS),
        service=section(type={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]}, port=PORT, annotations=TEXTS),
        networkPolicy=section(enabled=FLAG, prometheus=PEERS, nats=PEERS, natsPort=PORT, dns=PEERS),
        serviceMonitor=section(enabled=FLAG, labels=TEXTS, interval=TEXT, tlsConfig=ANY_MAPPING, basicAuth=ANY_MAPPING),
        prometheusRule=section(enabled=FLAG, labels=TEXTS),
        externalUrl={"type": "string", "pattern": "^(https?://.+)?$"},
        dashboard=section(enabled=FLAG, labels=TEXTS, annotations=TEXTS),
        scan=section(enabled=FLAG, schedule=TEXT, args={"type": "array", "items": TEXT}, timeout=TEXT),
    )
    values["properties"]["global"] = ANY_MAPPING  # Helm's own
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart aether-auditor; written by deploy/generate.py",
        **values,
        "$defs": definitions,
    }


def files() -> dict[Path, str]:
    """Return the text of each file that is made from others."""
    rules = (FOLDER / "prometheus" / "rules.yaml").read_text()
    groups = rules[rules.index("groups:\n") :]
    indented = "".join(f"  {line}" if line.strip() else line for line in groups.splitlines(keepends=True))
    return {RULE: RULE_HEAD + indented, VALUES_SCHEMA: json.dumps(values_schema(), indent=2) + "\n"}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
