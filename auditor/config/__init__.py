"""Reads the configuration file: returns one frozen `Config`, or raises an error that lists every problem.

Nothing that acts on a setting belongs here.
"""

from auditor.config.cron import fire_times
from auditor.config.load import load, parse, schema
from auditor.config.models import (
    NEAREST_API,
    AuditConfig,
    Config,
    HttpConfig,
    LogConfig,
    NatsConfig,
    QuarantineConfig,
    ScheduleConfig,
    StateConfig,
    TlsConfig,
    VersionsConfig,
)
from auditor.config.values import Duration

__all__ = [
    "NEAREST_API",
    "AuditConfig",
    "Config",
    "Duration",
    "HttpConfig",
    "LogConfig",
    "NatsConfig",
    "QuarantineConfig",
    "ScheduleConfig",
    "StateConfig",
    "TlsConfig",
    "VersionsConfig",
    "fire_times",
    "load",
    "parse",
    "schema",
]
