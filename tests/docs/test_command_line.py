"""docs/command-line.md compared with the code: exit statuses, and how our own files are recognised."""

from __future__ import annotations

import re

from cutouts.adapters.storage.ownership import MARKER
from cutouts.cli.console.exit_status import Status
from cutouts.core.png_mark import mark_of, marked
from cutouts.report.folder.folder_claim import REPLACED
from tests.docs.pages import COMMAND_LINE, prose, rows


def test_every_exit_status_is_documented() -> None:
    """Each has its row, in order, and there are no others."""
    assert [int(row[0]) for row in rows(COMMAND_LINE, "## Exit status")] == sorted(Status)


def test_the_listed_outputs_are_those_that_a_run_replaces() -> None:
    """The names in the sentence are those in the code."""
    sentence = prose(COMMAND_LINE).split("refuses a `DIR`", 1)[1].split("which no run made", 1)[0]
    assert set(re.findall(r"`([\w.]+)`", sentence)) == set(REPLACED)


def test_the_documented_marks_match_the_code() -> None:
    """They are the marker file and the keyword of the PNG chunk."""
    told = " ".join(" ".join(row) for row in rows(COMMAND_LINE, "How a file is recognised"))
    assert f"`{MARKER}`" in told
    assert "keyword `cutouts`" in told
    assert b"tEXtcutouts\0matte" in marked(b"\x89PNG\r\n\x1a\n" + b"-" * 25, "matte")
    assert mark_of(marked(b"\x89PNG\r\n\x1a\n" + b"-" * 25, "matte")) == "matte"
