"""Compares the settings of a stream with those that are needed. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULTS: tuple[object, ...] = (None, False, -1, 0, [], {}, "", "default", "none")
"""Every value that the server has for some setting if the stream was created without it."""

FORBIDDEN = {
    "allow_msg_counter": "the stream takes counters and nothing else",
    "mirror": "a mirror takes no messages",
    "no_ack": "the server would not confirm what it stores",
    "sealed": "the stream takes no messages any more",
    "subject_transform": "messages would be stored on other subjects",
}
"""Settings that a stream to publish to must not have, and why."""


def wrong_values(found: Mapping[str, Any], required: Mapping[str, Any]) -> list[str]:
    """Return a line for each setting of `required` that has another value in `found`."""
    return [
        f"{name} is {json.dumps(found[name]) if name in found else 'not set'}, must be {json.dumps(value)}"
        for name, value in required.items()
        if found.get(name) != value
    ]


def not_default(found: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return those of `names` that have another value in `found` than by default."""
    return [name for name in names if found.get(name) not in DEFAULTS]
