"""docs/troubleshooting.md compared with the code: each message that it explains exists."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT, TROUBLESHOOTING, rows


def test_the_explained_messages_exist() -> None:
    """Each quoted message is in the code, except for the values that it fills in."""
    files = (path for room in ("pipeline", "plugins", ".ci") for path in (ROOT / room).rglob("*.py"))
    code = " ".join(path.read_text(encoding="utf-8") for path in files)
    code = re.sub(r'"\s+f?"', "", re.sub(r"\{[^{}\"]*\}", "…", code))
    quoted = [
        message for row in rows(TROUBLESHOOTING, "# Troubleshooting") for message in re.findall(r"`([^`]+)`", row[0])
    ]
    assert len(quoted) >= 17
    assert [message for message in quoted if not _said(message, code)] == []


def _said(message: str, code: str) -> bool:
    """Whether the parts of a message between its dots are in the code."""
    return all(part.strip().replace("'cuda'", "…") in code for part in message.split("…"))
