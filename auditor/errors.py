"""Our own failures, each one a line that says what, where and what to do.

Malformed input is never one of these: it is a value, the product of the audit.
"""


class AuditorError(Exception):
    """Something that the auditor could not do; `str(error)` is the one line that a person is shown."""


class ConfigError(AuditorError):
    """The configuration cannot be used: `problems` holds every problem, one line each, path first."""

    def __init__(self, source: str, problems: list[str]) -> None:
        self.source = source
        self.problems = problems
        super().__init__(f"{source}: " + "; ".join(problems))


class ConnectionFailedError(AuditorError):
    """No working connection to NATS: unreachable, refused, wrong credentials, no JetStream."""


class PermissionDeniedError(AuditorError):
    """The server refuses a request; the line names the subject to allow."""


class StreamNotFoundError(AuditorError):
    """The stream does not exist, or no longer does."""


class StreamRecreatedError(AuditorError):
    """The stream that was pinned is gone and another of the same name stands in its place."""


class WalkIncompleteError(AuditorError):
    """The walk could not reach its pinned end; what was delivered before is judged, the rest is not."""


class EventStreamError(AuditorError):
    """A stream that cannot be created for events, or has settings under which it cannot hold them."""


class QuarantineStreamError(AuditorError):
    """The quarantine stream cannot be used safely, or refuses a record for good until somebody acts."""


class StateError(AuditorError):
    """What an audit remembers cannot be saved; what was saved last stays."""


class StateConflictError(StateError):
    """Somebody else has saved or removed it meanwhile: read it again."""


class StateFormatError(StateError):
    """What was saved is damaged, or of a format that this version does not know."""


class StateNewerError(StateError):
    """What was saved has a format of a later version of the auditor: it is neither used nor replaced."""


class NotFoundError(AuditorError):
    """A named thing (actor, quarantine record, audit) that does not exist."""
