"""Every setting: its name, type, default and why it is there. The descriptions flow into the JSON Schema."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from auditor.aether.stream_layout import StreamLayout
from auditor.config.rules import cron_line, file_name, nats_name, server_url, subject_prefix
from auditor.config.values import Address, Boolean, Duration, DurationField, Listen, Number, Size, Text

Replicas = Annotated[Number, Field(ge=1, le=5)]
StreamName = Annotated[Text, AfterValidator(nats_name)]
Prefix = Annotated[Text, AfterValidator(subject_prefix)]
File = Annotated[Text, AfterValidator(file_name)]


class Section(BaseModel):
    """A mapping of the file: frozen, typed to the letter, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class TlsConfig(Section):
    """How the server's certificate is checked, and which one is shown to it."""

    ca_file: File | None = None
    """Certificates that are trusted; the system's if absent."""
    cert_file: File | None = None
    """Our certificate, where the server asks for one."""
    key_file: File | None = None
    """Its key."""


class NatsConfig(Section):
    """Where NATS is, and who we are."""

    servers: Annotated[tuple[Annotated[Text, AfterValidator(server_url)], ...], Field(min_length=1)] = (
        "nats://127.0.0.1:4222",
    )
    """URLs of one cluster: nats://, tls://, ws:// or wss://."""
    credentials_file: File | None = None
    """A .creds file: JWT and seed."""
    user: Text | None = None
    """With `password`."""
    password: Text | None = None
    """With `user`."""
    token: Text | None = None
    """A shared token."""
    nkey_seed_file: File | None = None
    """A file that holds an nkey seed."""
    tls: TlsConfig = TlsConfig()
    inbox_prefix: Prefix = "_INBOX_auditor"
    """Answers come on subjects below it: the only ones that the auditor must be allowed to subscribe to."""


class ScheduleConfig(Section):
    """When passes begin: `every` or `cron`, not both. The first one begins at once."""

    every: DurationField | None = None
    """From the beginning of one pass to the beginning of the next."""
    cron: Annotated[Text, AfterValidator(cron_line)] | None = None
    """Five fields, in UTC."""
    jitter: DurationField = Duration(0)
    """Each pass begins up to so much later, so that several auditors do not begin together."""


class VersionsConfig(Section):
    """What is expected of an actor's versions."""

    first: Annotated[Number, Field(ge=1)] = 1
    """The version of an actor's first event."""
    contiguous: Boolean = True
    """False where writers skip versions on purpose: a gap without a known cause is then a notice."""


class AuditConfig(Section):
    """One stream, or part of it, that is looked at."""

    name: Annotated[Text, Field(pattern=r"^[a-z0-9-]+$", max_length=64)]
    """What the audit is called in metrics and reports."""
    stream: StreamName
    """The stream that Aether keeps its events in. It is never written to."""
    subjects: tuple[Text, ...] = ()
    """Event subjects, wildcards allowed; all of the stream's events if absent."""
    actors: tuple[Text, ...] = ()
    """Actor ids, instead of subjects: exactly these are read."""
    snapshots: Boolean = True
    """Whether the snapshots of the same actors are looked at as well."""
    actor_types: tuple[Text, ...] = ()
    """The values of the label actor_type; if absent, the types that several actors share."""
    schedule: ScheduleConfig = ScheduleConfig(every=Duration(300_000_000_000))
    full_pass_every: DurationField = Duration(86_400_000_000_000)
    """How often a pass reads everything; passes in between read only what is new."""
    max_rate: Annotated[Number, Field(ge=0)] = 0
    """Messages a second, so that other clients of the server are not disturbed; 0 is as fast as it goes."""
    versions: VersionsConfig = VersionsConfig()

    @property
    def event_subjects(self) -> tuple[str, ...]:
        """Subjects of the events that are looked at."""
        return self.subjects or (StreamLayout(self.stream).all_events,)

    @property
    def snapshot_subjects(self) -> tuple[str, ...]:
        """The same tails below the stream's snapshots; none if `snapshots` is false."""
        if not self.snapshots:
            return ()
        return tuple(map(StreamLayout(self.stream).snapshot_filter, self.event_subjects))

    @property
    def all_subjects(self) -> tuple[str, ...]:
        """Every subject that is looked at, events first; where actors are named, none of them has a wildcard."""
        if not self.actors:
            return (*self.event_subjects, *self.snapshot_subjects)
        layout = StreamLayout(self.stream)
        events = [layout.event_subject(actor) for actor in self.actors]
        snapshots = [layout.snapshot_subject(actor) for actor in self.actors]
        return (*events, *(snapshots if self.snapshots else ()))


class QuarantineConfig(Section):
    """The side stream that keeps the bytes of condemned messages."""

    stream: StreamName = "AETHER_QUARANTINE"
    subject_prefix: Prefix = "aether.quarantine"
    """What the subjects of records begin with."""
    replicas: Replicas = 1
    """Copies of each record in a cluster; an existing stream with fewer is refused."""
    max_age: DurationField = Duration(0)
    """How long records are kept; 0 is for ever."""
    max_bytes: Annotated[Size, Field(ge=1)] = 1024**3
    """The most that records may take, so that they can never take the disk from the audited stream."""
    create: Boolean = True
    """Whether to create the stream if it is absent; false where an administrator did."""

    @property
    def max_age_ns(self) -> int:
        """`max_age` in nanoseconds, as JetStream wants it."""
        return self.max_age.nanoseconds


class StateConfig(Section):
    """The stream in which an audit's memory is saved."""

    stream: StreamName = "AETHER_AUDIT"
    subject_prefix: Prefix = "aether.audit"
    """What the subjects of saved state begin with."""
    replicas: Replicas = 1
    """Copies in a cluster; used when the stream is created."""
    create: Boolean = True
    """Whether to create the stream if it is absent; false where an administrator did."""


class HttpConfig(Section):
    """Where /metrics, the probes and the page are served."""

    listen: Address = Listen("0.0.0.0", 9464)  # noqa: S104 - in a pod every address is right
    """host:port"""

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.listen.host

    @property
    def port(self) -> int:
        """0 lets the system choose."""
        return self.listen.port


class LogConfig(Section):
    """What is logged to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"
    """One JSON object a line for machines, or text for people."""


class Config(Section):
    """The whole file."""

    nats: NatsConfig = NatsConfig()
    audits: Annotated[tuple[AuditConfig, ...], Field(min_length=1)]
    quarantine: QuarantineConfig = QuarantineConfig()
    state: StateConfig = StateConfig()
    http: HttpConfig = HttpConfig()
    log: LogConfig = LogConfig()
