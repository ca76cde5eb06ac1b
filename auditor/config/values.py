"""Parses durations, sizes and addresses, and scalars that came from environment variables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any

from pydantic import BeforeValidator, ByteSize, PlainSerializer, PlainValidator, TypeAdapter, WithJsonSchema

from auditor.units import NANOSECONDS

_UNITS = {"ms": 1_000_000, "s": NANOSECONDS, "m": 60 * NANOSECONDS, "h": 3600 * NANOSECONDS, "d": 86_400 * NANOSECONDS}
_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)", re.ASCII)
_SIZE = re.compile(r"\d{1,15} ?([KMGT]i?)?B|\d{1,15}", re.ASCII)
_BYTES = TypeAdapter(ByteSize)
_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*):(\d{1,5})", re.ASCII)
MAX_INT64 = 2**63 - 1
"""The largest number that NATS and Aether can store: of nanoseconds, bytes or a version."""

FROM_ENVIRONMENT = r"^\$\{"


class FromEnvironment(str):
    """A scalar in which a variable was replaced. Its text is parsed as the type of its setting."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time."""

    nanoseconds: int

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return self.nanoseconds / NANOSECONDS

    def __str__(self) -> str:
        for name, unit in reversed(_UNITS.items()):
            if self.nanoseconds and self.nanoseconds % unit == 0:
                return f"{self.nanoseconds // unit}{name}"
        return "0"


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on. Port 0: the system chooses one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def quoted(value: Any) -> str:
    """Quote `value` for a message. A value from the environment may be a secret and is not shown."""
    return "the value" if isinstance(value, FromEnvironment) else f'"{value}"'


def duration(value: Any) -> Duration:
    """Parse `5m`, `1h30m`, `500ms` or 0. Raises ValueError."""
    if isinstance(value, Duration):
        return value
    text = "" if isinstance(value, bool) else str(value)
    if text == "0":
        return Duration(0)
    if not re.fullmatch(f"(?:{_DURATION.pattern})+", text, re.ASCII):
        raise ValueError(f"{quoted(value)} is not a duration (write 5m, 1h30m, 30s, 500ms or 0)")
    parsed = Duration(sum(int(number) * _UNITS[unit] for number, unit in _DURATION.findall(text)))
    if parsed.nanoseconds > MAX_INT64:
        raise ValueError(f"{quoted(value)} is not a duration that the server can store (at most 292 years)")
    return parsed


def size(value: Any) -> int:
    """Parse `1GiB`, `500MB` or a number of bytes. Raises ValueError."""
    if isinstance(value, bool) or not _SIZE.fullmatch(str(value)):
        raise ValueError(f"{quoted(value)} is not a size (write 1GiB, 512MiB, 10GB or a number of bytes)")
    parsed = int(_BYTES.validate_python(str(value)))
    if parsed > MAX_INT64:
        raise ValueError(f"{quoted(value)} is not a size that the server can store (at most {MAX_INT64} bytes)")
    return parsed


def listen(value: Any) -> Listen:
    """Parse `host:port`. Without a host, listen on all addresses. Raises ValueError."""
    if isinstance(value, Listen):
        return value
    found = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[2]) > 65_535 or not _is_host(found[1]):
        raise ValueError(f'{quoted(value)} is not an address to listen on (write "0.0.0.0:9464" or "[::1]:9464")')
    return Listen(found[1].strip("[]") or "0.0.0.0", int(found[2]))  # noqa: S104 - the usual meaning of an empty host


def _is_host(text: str) -> bool:
    """Whether `text` is empty, an IPv6 address in brackets, an IPv4 address or a host name."""
    try:
        if text.startswith("["):
            return bool(IPv6Address(text[1:-1]))
        if text.replace(".", "").isdigit():
            return bool(IPv4Address(text))
        return not text or bool(text.encode("idna"))
    except ValueError:
        return False


def _number(value: Any) -> Any:
    if isinstance(value, FromEnvironment) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
        return int(value)
    return value


def _boolean(value: Any) -> Any:
    if isinstance(value, FromEnvironment):
        return {"true": True, "false": False}.get(value.lower(), value)
    return value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, FromEnvironment) else value


def or_variable(**schema: Any) -> WithJsonSchema:
    """The JSON Schema of a value that is as `schema` says or comes from the environment."""
    return WithJsonSchema({"anyOf": [schema, {"type": "string", "pattern": FROM_ENVIRONMENT}]})


Text = Annotated[str, BeforeValidator(_text)]
Number = Annotated[int, BeforeValidator(_number), or_variable(type="integer")]
Boolean = Annotated[bool, BeforeValidator(_boolean), or_variable(type="boolean")]
Size = Annotated[int, PlainValidator(size), WithJsonSchema({"type": ["string", "integer"]})]
Address = Annotated[Listen, PlainValidator(listen), PlainSerializer(str), WithJsonSchema({"type": "string"})]
DurationField = Annotated[
    Duration,
    PlainValidator(duration),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": rf"^((\d+(ms|s|m|h|d))+|0)$|{FROM_ENVIRONMENT}"},
                {"const": 0},
            ]
        }
    ),
]
