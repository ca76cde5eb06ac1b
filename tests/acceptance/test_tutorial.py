"""The tutorial does what it says, from its first command to its last."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path

from auditor.embedded_server import reserved_port
from tests.deploy.conftest import needed

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "tutorial.md").read_text()
PORTS = ("14222", "19464", "19090")
BLOCK = re.compile(r'^```(sh|python|yaml)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)


def script() -> str:
    """All blocks of the tutorial as one shell script: commands as they are, files written where they are shown."""
    lines = ["set -eu"]
    for language, title, body in BLOCK.findall(TEXT):
        assert (language == "sh") is (title == ""), "a block that is no command has the name of its file"
        lines.append(body if language == "sh" else f"cat > {title} <<'END OF FILE'\n{body}END OF FILE\n")
    return "\n".join(lines)


def test_every_code_block_is_run() -> None:
    assert TEXT.count("\n```") == 2 * len(BLOCK.findall(TEXT))
    assert len(BLOCK.findall(TEXT)) > 10


def test_the_tutorial_leads_to_an_alert_and_cleans_up(tmp_path: Path) -> None:
    needed("prometheus")
    folder = tmp_path / "tutorial"
    with ExitStack() as stack:
        text = script()
        for port in PORTS:  # the machine may use those that the tutorial names
            text = text.replace(port, str(stack.enter_context(reserved_port())))
        process = subprocess.Popen(
            ["bash", "-c", text],
            cwd=ROOT,
            env={**os.environ, "TUTORIAL": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            out, _ = process.communicate(timeout=100)
        finally:
            with suppress(ProcessLookupError):  # those that it started in the background, where it failed
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, out
    assert not folder.exists()
    assert "AetherCorruptionFound" in out
    assert "malformed_event" in out
