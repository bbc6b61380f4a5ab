"""What reaches a terminal, through the real commands and the real logging."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.command import cutouts

NAME = "evil\x1b]0;owned\x07\nrefused: all.jpg"


def run(*words: str, folder: Path) -> str:
    """All output of a call of `cutouts`."""
    done = cutouts(*words, where=folder)
    return done.stdout + done.stderr


def test_file_names_cannot_control_the_terminal(tmp_path: Path) -> None:
    """A file name is shown escaped and on one line by the commands that print it."""
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / NAME).write_bytes(b"no image")
    for words in (
        ["cut", "photographs", "-o", "out"],
        ["cut", f"photographs/{NAME}", "-o", "out"],
        ["cut", f"elsewhere/{NAME}", "-o", "out"],
        ["evaluate", "--images", "photographs", "--truth", "photographs"],
        ["plan", NAME, "--delivery", f"2026-01-01/{NAME}"],
        ["publish", "--approve", NAME, "--by", "Ada", "--why", "so"],
    ):
        told = run(*words, folder=tmp_path)
        assert "\\x1b]0;owned\\x07" in told, told
        assert "\x1b" not in told
        assert "\nrefused: all" not in told


def test_library_logs_cannot_control_the_terminal_or_reveal_secrets() -> None:
    """Records without a handler go to stderr as before, but escaped and without secrets."""
    code = (
        "import logging; from cutouts.adapters.terminal import quiet_logs; quiet_logs(); "
        "logging.getLogger('library').warning('%s', '\\x1b[2J https://u:s3cr3t@h/a'); "
        "logging.getLogger('library').info('unheard')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "\\x1b[2J https://***@h/a\n"


def test_all_output_goes_through_say() -> None:
    """No command writes to the terminal in another way."""
    root = Path(__file__).resolve().parents[2]
    door = root / "pipeline" / "cutouts" / "adapters" / "terminal.py"
    code = [path for top in ("pipeline", "plugins", "dags") for path in (root / top).rglob("*.py") if path != door]
    assert [path for path in code if "click.echo" in path.read_text() or "click.secho" in path.read_text()] == []
