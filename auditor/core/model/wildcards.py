"""What subjects with wildcards stand for. Pure."""

from __future__ import annotations


def covers(wide: str, narrow: str) -> bool:
    """Whether every subject that `narrow` stands for, also `wide` stands for."""
    wides, narrows = wide.split("."), narrow.split(".")
    for index, mine in enumerate(wides):
        if mine == ">":
            return index < len(narrows)
        if index == len(narrows) or narrows[index] == ">" or mine not in ("*", narrows[index]):
            return False
    return len(wides) == len(narrows)


def overlap(one: str, other: str) -> bool:
    """Whether some subject is meant by both."""
    ones, others = one.split("."), other.split(".")
    for mine, theirs in zip(ones, others, strict=False):
        if ">" in (mine, theirs):
            return True
        if mine != theirs and "*" not in (mine, theirs):
            return False
    return len(ones) == len(others)
