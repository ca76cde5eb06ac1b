"""Says before any pass whether `max_rate` allows full passes as often as `full_pass_every` asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import AuditorError
from auditor.units import NANOSECONDS, format_age

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.app import App
    from auditor.config import AuditConfig


async def slow_passes(app: App) -> list[str]:
    """Returns a line for each audit whose full pass takes too long, and one if all of them together do.

    An audit whose stream cannot be read has none.
    """
    sizes: list[tuple[AuditConfig, int]] = []
    for audit in app.config.audits:
        try:
            sizes.append((audit, (await app.source(audit).info()).messages))
        except AuditorError:
            continue
    return slow_passes_of(sizes)


def slow_passes_of(sizes: Sequence[tuple[AuditConfig, int]]) -> list[str]:
    """Returns the lines of `slow_passes`. `sizes`: each audit, and how many messages its stream holds."""
    lines = []
    for audit, messages in sizes:
        every_ns = audit.full_pass_every.nanoseconds
        if audit.max_rate and (took_ns := messages * NANOSECONDS // audit.max_rate) > every_ns:
            lines.append(
                f"{audit.name}: a full pass over {messages} messages takes at least {format_age(took_ns)} at max_rate"
                f" {audit.max_rate}, and full_pass_every is {audit.full_pass_every}"
            )
    share = sum(
        messages / audit.max_rate / audit.full_pass_every.seconds for audit, messages in sizes if audit.max_rate
    )
    if len(sizes) > 1 and share > 1:
        lines.append(
            f"full passes run one after another, and at max_rate those of all {len(sizes)} audits take {share:.1f} times as"
            " long as full_pass_every allows"
        )
    return lines
