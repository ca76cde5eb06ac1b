"""Whether the limits of a stream explain that messages have left its start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.units import format_utc

if TYPE_CHECKING:
    from auditor.core.history.stream_identity import LastStreamInfo
    from auditor.core.model.message import StreamInfo

MAX_MESSAGE_BYTES = 1 << 20
"""A stream with `max_bytes` may be smaller than that by one message, which did not fit."""
UNEXPLAINED = "no limit of the stream explains it: purged, or lost without a report"


def configured_first_seq(info: StreamInfo) -> int:
    """The first sequence that the stream was created with."""
    value = info.config.get("first_seq")
    return value if isinstance(value, int) and value > 1 else 1


def unexplained_start(info: StreamInfo, before: LastStreamInfo | None, now_ns: int) -> str | None:
    """What left the start of the stream although no limit explains it, in one line; None if nothing has.

    `before`: the stream info of the last check; without it, everything before the first sequence has left. Losses that the
    server reports are not considered.
    """
    first_seq = before.first_seq if before is not None else configured_first_seq(info)
    if info.first_seq <= first_seq or _limits_explain(info, before, now_ns):
        return None
    if before is None:
        return UNEXPLAINED
    since = f" since {format_utc(before.checked_ns)}"
    until = f"until {format_utc(info.first_time_ns)}" if info.first_time_ns else "on"
    stored = f", stored from {format_utc(before.first_time_ns)} {until}," if before.first_time_ns else ""
    return (
        f"sequences {first_seq} to {info.first_seq - 1}{stored} have left the start of the stream{since}; {UNEXPLAINED}"
    )


def _limits_explain(info: StreamInfo, before: LastStreamInfo | None, now_ns: int) -> bool:
    def limit(name: str) -> int:
        value = info.config.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0

    oldest_ns = before.first_time_ns if before is not None and before.first_time_ns else info.created_ns
    return (
        bool(limit("max_age") and now_ns - oldest_ns >= limit("max_age"))
        or bool(limit("max_msgs") and info.messages >= limit("max_msgs"))
        or bool(limit("max_bytes") and info.bytes + MAX_MESSAGE_BYTES >= limit("max_bytes"))
        or bool(limit("max_msgs_per_subject"))
        or info.config.get("retention") in ("interest", "workqueue")
        or bool(info.config.get("allow_msg_ttl"))
    )
