"""A file is read up to a limit, and no further."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.bounded_file import read_bounded

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_up_to_the_limit_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for content in (b"", b"\x00\xff\n", b"1234"):
        path.write_bytes(content)
        assert read_bounded(path, 4) == content
        assert read_bounded(str(path), 4) == content


@pytest.mark.parametrize("name", ["long", "/dev/zero"])
def test_a_longer_file_is_refused_with_the_limit(tmp_path: Path, name: str) -> None:
    (tmp_path / "long").write_bytes(b"12345")
    with pytest.raises(OSError, match="it is longer than 4 bytes") as caught:
        read_bounded(tmp_path / name, 4)
    assert caught.value.strerror == "it is longer than 4 bytes"


def test_what_is_no_readable_file_raises_the_error_of_the_system(tmp_path: Path) -> None:
    for path, error in ((tmp_path, IsADirectoryError), (tmp_path / "none", FileNotFoundError)):
        with pytest.raises(error):
            read_bounded(path, 4)
