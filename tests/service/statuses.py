"""The status of a daemon, for tests."""

from __future__ import annotations

from auditor.config import AuditConfig, Config
from auditor.service.status import ServiceStatus

CONFIG = Config(audits=(AuditConfig(name="orders", stream="S"), AuditConfig(name="carts", stream="T")))


class Connected:
    """A connection as the status sees it."""

    is_connected = True
    last_error_text = ""


def status() -> ServiceStatus:
    return ServiceStatus("1.2.3", CONFIG.audits)
