"""Which of a stream's messages an audit looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class SubjectFilter:
    """Subjects by NATS's rules: `*` stands for one token, a last `>` for one or more."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = tuple(patterns)
        self._exact = {pattern.encode() for pattern in patterns if not _has_wildcard(pattern)}
        self._prefixes = tuple(
            pattern[:-1].encode()
            for pattern in patterns
            if pattern.endswith(".>") and not _has_wildcard(pattern.removesuffix(".>"))
        )
        self._tokens = [
            tuple(pattern.encode().split(b"."))
            for pattern in patterns
            if _has_wildcard(pattern) and pattern[:-1].encode() not in self._prefixes
        ]

    def covers(self, subject: bytes) -> bool:
        """Whether a message stored on `subject` is the audit's to judge."""
        if subject in self._exact or (self._prefixes and subject.startswith(self._prefixes)):
            return True
        if not self._tokens:
            return False
        tokens = subject.split(b".")
        return any(_matches(pattern, tokens) for pattern in self._tokens)


def _has_wildcard(pattern: str) -> bool:
    return any(token in {"*", ">"} for token in pattern.split("."))


def _matches(pattern: Sequence[bytes], tokens: Sequence[bytes]) -> bool:
    for at, expected in enumerate(pattern):
        if expected == b">" and at == len(pattern) - 1:
            return len(tokens) > at
        if at >= len(tokens) or expected not in {b"*", tokens[at]}:
            return False
    return len(tokens) == len(pattern)


def is_subset(wide: str, narrow: str) -> bool:
    """Whether every subject that `narrow` stands for, also `wide` stands for."""
    wides, narrows = wide.split("."), narrow.split(".")
    for index, mine in enumerate(wides):
        if mine == ">":
            return index < len(narrows)
        if index == len(narrows) or narrows[index] == ">" or mine not in ("*", narrows[index]):
            return False
    return len(wides) == len(narrows)


def overlaps(one: str, other: str) -> bool:
    """Whether some subject is meant by both."""
    ones, others = one.split("."), other.split(".")
    for mine, theirs in zip(ones, others, strict=False):
        if ">" in (mine, theirs):
            return True
        if mine != theirs and "*" not in (mine, theirs):
            return False
    return len(ones) == len(others)
