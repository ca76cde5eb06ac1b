"""Makes the configuration of one audit from options and the environment, for a look without a configuration file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.config.load import validated
from auditor.config.models import Config
from auditor.config.nats_context import read_context, settings_of, with_others, with_variables
from auditor.config.rules import cross_field_problems

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_NAME_CHARACTERS = 64
"""The longest name of an audit."""


@dataclass(frozen=True, slots=True)
class Look:
    """The options that name a stream and a server."""

    stream: str
    subject_prefix: str | None = None
    context: str | None = None
    server: str | None = None
    creds: str | None = None
    js_domain: str | None = None
    js_api_prefix: str | None = None


def config_of(look: Look, environ: Mapping[str, str]) -> Config:
    """Return the configuration. An option replaces a variable, which replaces a key of the context. Raises ConfigError."""
    name = look.context or environ.get("NATS_CONTEXT")
    keys = with_variables(read_context(name, environ) if name else {}, environ)
    options = {
        "url": look.server,
        "creds": look.creds,
        "jetstream_domain": look.js_domain,
        "jetstream_api_prefix": look.js_api_prefix,
    }
    keys = with_others(keys, {key: value for key, value in options.items() if value is not None})
    audit: dict[str, Any] = {"name": audit_name(look.stream), "stream": look.stream}
    if look.subject_prefix is not None:
        audit["subject_prefix"] = look.subject_prefix
    source = f"context {name}" if name else "options"
    tree = {"nats": settings_of(keys, source, environ), "audits": (audit,)}
    return validated(Config, tree, source, [], cross_field_problems(tree))


def audit_name(stream: str) -> str:
    """Return the name of the audit of a stream: in lower case, with - for every character that a name cannot have."""
    return re.sub(r"[^a-z0-9-]", "-", stream.lower())[:MAX_NAME_CHARACTERS] or "audit"
