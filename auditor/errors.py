"""Exceptions of the auditor. The text of each is one line: what failed, where, and what to do.

Malformed input is a value, and never raises one of these.
"""


class AuditorError(Exception):
    """The auditor could not do something. `str(error)` is the one line that is shown to a user."""


class ConfigError(AuditorError):
    """The configuration cannot be used. `problems` has one line for each problem, which begins with its path."""

    def __init__(self, source: str, problems: list[str]) -> None:
        self.source = source
        self.problems = problems
        super().__init__(f"{source}: " + "; ".join(problems))


class ConnectionFailedError(AuditorError):
    """There is no working connection to NATS: unreachable, refused, wrong credentials, no JetStream."""


class WrongAnswerError(AuditorError):
    """An answer of the server is not one to the request, or contradicts what the server said before."""


class PermissionDeniedError(AuditorError):
    """The server refused a request. The text names the subject to allow."""


class StreamNotFoundError(AuditorError):
    """The stream does not exist, or was deleted."""


class StreamRecreatedError(AuditorError):
    """The stream was deleted during a pass, and another stream of the same name was created."""


class WalkIncompleteError(AuditorError):
    """The walk did not reach its pinned end. Messages delivered before are judged, the others are not."""


class NoLeaderError(ConnectionFailedError):
    """JetStream did not answer in time, or says that there is no leader. It may answer when the servers have elected one."""


class CopyAbsentError(AuditorError):
    """One copy of a replicated stream cannot be read. The text says why."""


class EventStreamError(AuditorError):
    """The stream for events cannot be created, or its settings do not allow events."""


class QuarantineStreamError(AuditorError):
    """The quarantine stream cannot be used safely, or refuses records until an operator changes it."""


class StateError(AuditorError):
    """State cannot be saved. The state that was saved last is unchanged."""


class StateConflictError(StateError):
    """Another process saved or deleted the state meanwhile. The caller must load it again."""


class StateFormatError(StateError):
    """Saved state is damaged, or has a format that this version does not read."""


class StateNewerError(StateError):
    """Saved state has the format of a later version of the auditor. It is neither used nor replaced."""


class NotFoundError(AuditorError):
    """An actor, record or audit that the user named does not exist."""
