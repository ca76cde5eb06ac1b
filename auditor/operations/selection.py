"""Checks before any pass that each audit selects messages of its stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import AuditorError, ConfigError
from auditor.scan.selection import why_nothing_is_selected

if TYPE_CHECKING:
    from auditor.app import App


async def check_selections(app: App, config_file: str) -> list[str]:
    """Returns a line about the stream of each audit.

    Raises ConfigError for `config_file`, with a line for each audit that cannot read its stream or selects no message of it.
    """
    found, problems = [], []
    for at, audit in enumerate(app.config.audits):
        try:
            source = app.source(audit)
            info = await source.info()
            problem = await why_nothing_is_selected(source, info, audit)
        except AuditorError as error:
            problem = str(error)
        else:
            holds = (
                f"{info.messages} messages, and the subjects of this audit fit" if info.messages else "no message yet"
            )
            found.append(f"{audit.name}: stream {audit.stream} holds {holds}")
        if problem is not None:
            problems.append(f"audits[{at}]: {problem}")
    if problems:
        raise ConfigError(config_file, problems)
    return found
