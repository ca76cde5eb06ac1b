"""Matches subjects with filters, by the rules of NATS: `*` stands for one token, a final `>` for one or more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class SubjectFilter:
    """The messages that an audit reads: those whose subject matches one of the patterns."""

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

    def matches(self, subject: bytes) -> bool:
        """Returns whether `subject` matches one of the patterns."""
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
    """Returns whether every subject that matches `narrow` also matches `wide`."""
    wide_tokens, narrow_tokens = wide.split("."), narrow.split(".")
    for at, expected in enumerate(wide_tokens):
        if expected == ">":
            return at < len(narrow_tokens)
        if at == len(narrow_tokens) or narrow_tokens[at] == ">" or expected not in ("*", narrow_tokens[at]):
            return False
    return len(wide_tokens) == len(narrow_tokens)


def overlaps(one: str, other: str) -> bool:
    """Returns whether there is a subject that matches both filters."""
    ones, others = one.split("."), other.split(".")
    for mine, theirs in zip(ones, others, strict=False):
        if ">" in (mine, theirs):
            return True
        if mine != theirs and "*" not in (mine, theirs):
            return False
    return len(ones) == len(others)
