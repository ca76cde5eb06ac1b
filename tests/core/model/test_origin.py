"""The settings of a stream tell which prefix its subjects have if it copies another stream."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.core.model.origin import is_copy, prefixes_of_origin

TRANSFORM = [{"src": "ORDERS.>", "dest": "COPY.>"}]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"mirror": {"name": "ORDERS"}}, [("mirrors ORDERS", "ORDERS")]),
        (
            {"mirror": {"name": "ORDERS", "subject_transforms": TRANSFORM}},
            [("mirrors ORDERS and transforms its subjects", "COPY")],
        ),
        ({"sources": [{"name": "A"}, {"name": "B"}]}, [("copies A", "A"), ("copies B", "B")]),
        ({"subject_transform": {"src": ">", "dest": "new.events.>"}}, [("transforms its subjects", "new")]),
        ({"subjects": ["shop.events.>", "shop.>"]}, [("stores shop.events.>", "shop")]),
        ({}, []),
    ],
)
def test_the_prefix_follows_from_mirror_sources_transform_and_subjects(
    config: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert list(prefixes_of_origin(config)) == expected


def test_only_mirrors_and_streams_with_sources_are_copies() -> None:
    assert is_copy({"mirror": {"name": "ORDERS"}})
    assert is_copy({"sources": [{"name": "ORDERS"}]})
    assert not is_copy({"subject_transform": {"src": ">", "dest": "x.>"}})
