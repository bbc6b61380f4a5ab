"""docs/serve.md compared with the code: codes, limits and statuses."""

from __future__ import annotations

from cutouts.core.config import Site
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.server import limits
from cutouts.server.app import STATUSES
from tests.docs.pages import SERVE, prose, rows


def test_every_code_of_a_rejection_is_documented() -> None:
    """Each has the words that the answer has. An image without a manifest cannot contradict it."""
    told = {row[0].strip("`"): row[1] for row in rows(SERVE, "A rejected image (422)")}
    assert told == {str(one): one.words for one in RejectionReason if one is not RejectionReason.CHANGED}


def test_every_status_that_the_description_names_is_documented() -> None:
    """The page has each status of the OpenAPI description."""
    told = {int(part) for row in rows(SERVE, "## Errors") for part in row[0].split(", ")}
    assert set(STATUSES) <= told


def test_the_documented_limits_match_the_code() -> None:
    """Sizes, times and counts are those of the settings and of the server."""
    told = {row[0]: row[1] for row in rows(SERVE, "## Limits of one request")}
    pace, given = limits.Pace(), limits.Limits(image_bytes=1, held_bytes=1, seconds=1)
    fields = Site.model_fields
    assert told["size of an image"].startswith(f"`serve_bytes` ({fields['serve_bytes'].default} B)")
    assert told["time from the whole body to the answer"] == f"`serve_seconds` ({fields['serve_seconds'].default} s)"
    assert told["images that wait"] == f"`serve_queue` ({fields['serve_queue'].default})"
    times = f"{pace.head:g} s; {pace.piece:g} s; {pace.body:g} s"
    assert told["time to send the headers; time without a new byte of the body; time for the whole body"] == times
    assert told["time until the client reads the next part of an answer"] == f"{pace.read:g} s"
    assert told["connections"] == str(given.connections)
    assert told["URLs that are read at a time"] == str(given.reads)


def test_the_documented_address_is_the_default() -> None:
    """The examples work without options."""
    host, port = (Site.model_fields[name].default for name in ("serve_host", "serve_port"))
    assert prose(SERVE).count(f"http://{host}:{port}/") >= 1
