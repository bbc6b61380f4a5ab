"""Two running servers that the tests of this folder share: one as a person starts it, and one with small limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cutouts.models import OWN_TABLE
from cutouts.models.site_rows import with_row
from tests.models_folder import picky_row
from tests.photographs import product
from tests.server.running import Server, command, serving, settings

TOKEN = "only-for-these-tests"
_SMALL = """
import sys
from cutouts.adapters.site_settings import load_site
from cutouts.server.limits import Pace
from cutouts.server.serving import serve
pace = Pace(head=2.0, piece=2.0, body=5.0, read=2.0, idle=4.0)
serve(load_site(sys.argv[1]), pace=pace, on_ready=lambda place: print("listening on", place.url, file=sys.stderr))
"""


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny network that fails on images with a red value of 250 or more, and with a photograph."""
    folder = tmp_path_factory.mktemp("serve")
    models = folder / "models"
    models.mkdir()
    row = picky_row(models, limit=250)
    (models / OWN_TABLE).write_text(with_row("", row), encoding="utf-8")
    product(folder / "ball.jpg")
    return folder


@pytest.fixture(scope="session")
def photograph(site_folder: Path) -> bytes:
    """A small JPEG."""
    return (site_folder / "ball.jpg").read_bytes()


@pytest.fixture(scope="module")
def server(site_folder: Path) -> Iterator[Server]:
    """`cutouts serve` without a token: two workers, up to four images per model call."""
    arguments = ("--config", settings(site_folder), "--workers", "2", "--batch", "4")
    with serving(*command(*arguments)) as running:
        yield running


@pytest.fixture(scope="module")
def small_server(site_folder: Path) -> Iterator[Server]:
    """A server with a token, one worker, three places to wait, five seconds, 200 kB, and little patience."""
    limits = {"serve_port": 0, "serve_token": TOKEN, "workers": 1, "serve_queue": 3, "serve_seconds": 5}
    file = settings(site_folder, **limits, serve_bytes=200_000, max_pixels=1_000_000)
    with serving("-c", _SMALL, file) as running:
        yield running
