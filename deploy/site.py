"""Adapts the documents to the website: links that leave docs/ become text, and the decisions get their place in the navigation."""

from __future__ import annotations

import posixpath
import re
from typing import Any

LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def on_files(files: Any, config: Any) -> Any:
    """Add every decision to the navigation."""
    decisions = sorted(each.src_uri for each in files if each.src_uri.startswith("decisions/"))
    config.nav[-1]["Explanation"].append({"Decisions": decisions})
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the Markdown without links to files or folders that the website does not have. The text of a link stays."""
    folder = posixpath.dirname(page.file.src_uri)
    return LINK.sub(lambda found: found[1] if leaves(folder, found[2]) else found[0], markdown)


def leaves(folder: str, target: str) -> bool:
    """Return whether a link from a document in `folder` leads to a file outside of docs/, or to a folder."""
    file = target.partition("#")[0]
    if not file or "://" in file:
        return False
    path = posixpath.normpath(posixpath.join(folder, file))
    return path.startswith("..") or not path.endswith(".md")
