"""Serves the documents of this version as HTML, so that the links of alerts lead to documents that exist."""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from markdown_it.token import Token

FOLDER = Path(__file__).parent.parent / "docs"
"""The Markdown files. In a checkout this is a link to docs/; a wheel has copies of them."""

_SOURCE = (Path(__file__).parent / "docs.html").read_text(encoding="utf-8")
_STYLE = re.search(r"<style>(.*?)</style>", _SOURCE, re.DOTALL)
assert _STYLE is not None
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE[1].encode()).digest()).decode()

DOCS_SECURITY_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'"
"""Allows the style sheet of the documents and nothing else."""

_TEMPLATE = jinja2.Environment(
    autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
).from_string(_SOURCE)
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def document_names() -> list[str]:
    """Return the paths of all documents below docs/, such as `decisions/0001-….md`."""
    return sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("**/*.md"))


@cache
def render_document(name: str) -> str | None:
    """Return the document with this path as HTML, or the list of all for the empty path. None: there is none."""
    names = document_names()
    if not name:
        titles = {each: _title(_read(each)) for each in names}
        return _TEMPLATE.render(title="Documents of aether-auditor", titles=titles, body="", up="")
    if name not in names:
        return None
    text = _read(name)
    tokens = _MARKDOWN.parse(text)
    _set_heading_ids(tokens)
    for token in tokens:
        token.attrs.pop("style", None)  # the alignment of table cells, which the security policy forbids
        if token.children:
            token.children = _without_dead_links(token.children, posixpath.dirname(name), names)
    body = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return _TEMPLATE.render(title=_title(text), titles={}, body=body, up="../" * name.count("/"))


def heading_id(text: str) -> str:
    """Return the fragment of a heading's link, as forges make it from the Markdown of the heading."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _title(text: str) -> str:
    return text.partition("\n")[0].removeprefix("# ")


def _set_heading_ids(tokens: list[Token]) -> None:
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", heading_id(tokens[at + 1].content))


def _without_dead_links(tokens: list[Token], folder: str, names: list[str]) -> list[Token]:
    """Return the tokens of a paragraph without its links to files that are not documents. The text of a link stays."""
    kept, is_dead = [], False
    for token in tokens:
        if token.type == "link_open":
            file = str(token.attrGet("href")).partition("#")[0]
            is_dead = "://" not in file and file != "" and posixpath.normpath(posixpath.join(folder, file)) not in names
        if not (is_dead and token.type in ("link_open", "link_close")):
            kept.append(token)
    return kept
