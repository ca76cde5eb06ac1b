"""Defines every setting with its type and default. The docstrings are the descriptions in the JSON Schema."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from auditor.aether.stream_layout import StreamLayout
from auditor.config.cron import MAX_WAIT, check_cron, fire_times
from auditor.config.rules import domain_name, file_name, nats_name, server_url, subject_prefix
from auditor.config.values import (
    MAX_INT64,
    Address,
    Boolean,
    Duration,
    DurationField,
    Listen,
    Number,
    Size,
    Text,
    or_variable,
)

RUNS_COMPARED = 20
"""Passes of a cron line between which the shortest time is looked for."""

NEAREST_API = "$JS.API"
"""The prefix of requests to the JetStream of the nearest server that has it."""

Replicas = Annotated[Number, Field(ge=1, le=5)]
StreamName = Annotated[Text, AfterValidator(nats_name)]
Prefix = Annotated[Text, AfterValidator(subject_prefix)]
File = Annotated[Text, AfterValidator(file_name)]


def _cron_line(text: str) -> str:
    check_cron(text, datetime.now(UTC))
    return text


def _interval(every: Duration) -> Duration:
    if not every.nanoseconds:
        raise ValueError("must be more than 0")
    return _delay(every)


def _delay(delay: Duration) -> Duration:
    if delay.seconds > MAX_WAIT.total_seconds():
        raise ValueError(f'"{delay}" is longer than five years')
    return delay


class Section(BaseModel):
    """A mapping of the file. It is frozen, converts no types, and rejects unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class TlsConfig(Section):
    """How the server's certificate is verified, and which certificate the auditor presents."""

    ca_file: File | None = None
    """CA certificates to trust. If absent, those of the system."""
    cert_file: File | None = None
    """The auditor's certificate, if the server requires one."""
    key_file: File | None = None
    """The private key of `cert_file`."""
    server_name: Text | None = None
    """The host name that the server's certificate must have. If absent, the one in the server's URL."""
    handshake_first: Boolean = False
    """Whether TLS begins before the server sends anything, which a server with `handshake_first: true` requires."""


class ApiSection(Section):
    """A section that may choose the JetStream API to which its requests go."""

    jetstream_domain: Annotated[Text, AfterValidator(domain_name)] | None = None
    """The JetStream domain that has the streams, such as that of the hub of a leaf node. Empty: the nearest JetStream."""
    jetstream_api_prefix: Prefix | None = None
    """The subject under which another account's JetStream API is imported, such as JS.A.API. Not with `jetstream_domain`."""

    @property
    def own_api_prefix(self) -> str | None:
        """The prefix of the subjects of requests to JetStream; None if this section does not choose one."""
        if self.jetstream_domain is None:
            return self.jetstream_api_prefix
        return f"$JS.{self.jetstream_domain}.API" if self.jetstream_domain else NEAREST_API


class NatsConfig(ApiSection):
    """The NATS servers, and the credentials of the auditor. Its JetStream API is that of every section that chooses none."""

    servers: Annotated[tuple[Annotated[Text, AfterValidator(server_url)], ...], Field(min_length=1)] = (
        "nats://127.0.0.1:4222",
    )
    """URLs of one cluster: nats://, tls://, ws:// or wss://."""
    context: Text | None = None
    """A context of the nats command line tool, by its name or path. The settings here replace those of the context."""
    credentials_file: File | None = None
    """A .creds file with JWT and seed. Any file of credentials may also be env://NAME or data:;base64,… ."""
    user: Text | None = None
    """A user name. Requires `password` or `password_file`."""
    password: Text | None = None
    """The password of `user`."""
    password_file: File | None = None
    """A file with the password of `user`. It is read for every connection."""
    token: Text | None = None
    """A token for authentication."""
    token_file: File | None = None
    """A file with a token. It is read for every connection."""
    nkey_seed_file: File | None = None
    """A file with an nkey seed."""
    tls: TlsConfig = TlsConfig()
    inbox_prefix: Prefix = "_INBOX_auditor"
    """Prefix of the subjects of replies. The auditor needs permission to subscribe only to these."""


class ScheduleConfig(Section):
    """When passes begin: `every` or `cron`, not both. The first pass begins at the start."""

    every: Annotated[DurationField, AfterValidator(_interval)] | None = None
    """The time from the begin of one pass to the begin of the next."""
    cron: Annotated[Text, AfterValidator(_cron_line)] | None = None
    """A cron line of five fields, in UTC. If day of month and day of week are both set, it fires on the days of either."""
    jitter: Annotated[DurationField, AfterValidator(_delay)] = Duration(0)
    """The longest random delay of a pass, so that several auditors do not begin at the same time. At most the time between two passes."""

    @model_validator(mode="after")
    def _check_jitter(self) -> Self:
        if self.jitter.nanoseconds and (self.every is not None or self.cron is not None):
            runs = self.next_runs(datetime.now(UTC), RUNS_COMPARED)
            shortest = min((after - before for before, after in pairwise(runs)), default=MAX_WAIT)
            if self.jitter.seconds > shortest.total_seconds():
                raise ValueError(f"a jitter of {self.jitter} is longer than the time between two passes ({shortest})")
        return self

    def next_runs(self, after: datetime, count: int) -> list[datetime]:
        """The next `count` times after `after` when a pass begins, without jitter, if the last one began at `after`."""
        if self.cron is not None:
            return list(islice(fire_times(self.cron, after), count))
        every = timedelta(seconds=self.every.seconds if self.every else 0)
        return [after + number * every for number in range(1, count + 1)]


class VersionsConfig(Section):
    """Which versions the events of an actor should have."""

    first: Annotated[Number, Field(ge=1, le=MAX_INT64)] = 1
    """The version of an actor's first event."""
    contiguous: Boolean = True
    """False if writers skip versions on purpose. A gap of unknown cause is then a notice."""


class AuditConfig(ApiSection):
    """One stream, or a part of it, to audit."""

    name: Annotated[Text, Field(pattern=r"^[a-z0-9-]+$", max_length=64)]
    """The name of the audit in metrics and reports."""
    stream: StreamName
    """The stream with Aether's events. The auditor never writes to it."""
    subject_prefix: Prefix | None = None
    """The tokens before .events. and .snapshots. in the subjects of the stream. If absent, its name."""
    read_by: Annotated[Literal["auto", "consumer", "get"], or_variable(enum=["auto", "consumer", "get"])] = "auto"
    """`consumer`: with a consumer, or not at all. `get`: by single requests, slowly. `auto`: `get` if no consumer may be created."""
    subjects: tuple[Text, ...] = ()
    """Event subjects to read, with or without wildcards. If absent, all events of the stream."""
    actors: tuple[Text, ...] = ()
    """Actor ids to read, instead of `subjects`."""
    snapshots: Boolean = True
    """Whether to read the snapshots of the same actors, too."""
    actor_types: tuple[Text, ...] = ()
    """The values of the label actor_type. If absent, the types that at least three actors share."""
    schedule: ScheduleConfig = ScheduleConfig(every=Duration(300_000_000_000))
    full_pass_every: DurationField = Duration(86_400_000_000_000)
    """The time from one full pass to the next. Passes in between read only new messages."""
    replicas: Annotated[Literal["all", "leader"], or_variable(enum=["all", "leader"])] = "all"
    """Which copies of a replicated stream a full pass reads. `all`: every copy. `leader`: one copy, and the report says so."""
    max_rate: Annotated[Number, Field(ge=0, le=MAX_INT64)] = 0
    """The highest number of messages to read in a second, to spare other clients of the server. 0: no limit."""
    versions: VersionsConfig = VersionsConfig()

    @property
    def layout(self) -> StreamLayout:
        """The layout of the subjects of the stream."""
        return StreamLayout(self.subject_prefix or self.stream)

    @property
    def event_subjects(self) -> tuple[str, ...]:
        """The subjects of the events to read."""
        return self.subjects or (self.layout.all_events,)

    @property
    def snapshot_subjects(self) -> tuple[str, ...]:
        """The subjects of the snapshots of the same actors; none if `snapshots` is false."""
        if not self.snapshots:
            return ()
        return tuple(map(self.layout.snapshot_filter, self.event_subjects))

    @property
    def all_subjects(self) -> tuple[str, ...]:
        """All subjects to read, events first. If the audit names its actors, none has a wildcard."""
        if not self.actors:
            return (*self.event_subjects, *self.snapshot_subjects)
        events = [self.layout.event_subject(actor) for actor in self.actors]
        snapshots = [self.layout.snapshot_subject(actor) for actor in self.actors]
        return (*events, *(snapshots if self.snapshots else ()))


class QuarantineConfig(ApiSection):
    """The quarantine stream, which keeps the bytes of quarantined messages."""

    stream: StreamName = "AETHER_QUARANTINE"
    subject_prefix: Prefix = "aether.quarantine"
    """Prefix of the subjects of records."""
    replicas: Replicas = 1
    """Replicas of the stream in a cluster. An existing stream with fewer is refused."""
    max_age: DurationField = Duration(0)
    """How long records are kept. 0: no limit."""
    max_bytes: Annotated[Size, Field(ge=1)] = 1024**3
    """The largest size of the stream, so that records cannot fill the disk of the audited stream."""
    create: Boolean = True
    """Whether to create the stream if it is absent. Set it to false if an administrator creates the stream."""

    @property
    def max_age_ns(self) -> int:
        """`max_age` in nanoseconds, the unit of JetStream."""
        return self.max_age.nanoseconds


class StateConfig(ApiSection):
    """The state stream, which holds the saved state of the audits."""

    stream: StreamName = "AETHER_AUDIT"
    subject_prefix: Prefix = "aether.audit"
    """Prefix of the subjects of saved state."""
    replicas: Replicas = 1
    """Replicas of the stream in a cluster, when the auditor creates it."""
    create: Boolean = True
    """Whether to create the stream if it is absent. Set it to false if an administrator creates the stream."""


class HttpConfig(Section):
    """Where /metrics, the health checks and the page are served."""

    listen: Address = Listen("0.0.0.0", 9464)  # noqa: S104 - in a pod all addresses are right
    """The address to listen on, as host:port."""
    web_config_file: File | None = None
    """A file with TLS settings and users, in the format of Prometheus's exporter-toolkit. If absent, HTTP without a login."""

    @property
    def host(self) -> str:
        """The host to listen on."""
        return self.listen.host

    @property
    def port(self) -> int:
        """The port to listen on. 0: the system chooses one."""
        return self.listen.port


class LogConfig(Section):
    """Which log lines are written to stderr."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], or_variable(enum=["debug", "info", "warning", "error"])
    ] = "info"
    format: Annotated[Literal["json", "console"], or_variable(enum=["json", "console"])] = "json"
    """`json`: one JSON object a line. `console`: text for people."""


class Config(Section):
    """The whole configuration file."""

    nats: NatsConfig = NatsConfig()
    audits: Annotated[tuple[AuditConfig, ...], Field(min_length=1)]
    quarantine: QuarantineConfig = QuarantineConfig()
    state: StateConfig = StateConfig()
    http: HttpConfig = HttpConfig()
    log: LogConfig = LogConfig()

    def api_prefix(self, section: AuditConfig | QuarantineConfig | StateConfig) -> str:
        """The prefix of the subjects of requests about the streams of `section`."""
        return section.own_api_prefix or self.nats.own_api_prefix or NEAREST_API
