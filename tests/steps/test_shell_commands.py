"""Commands that a person copies from a log."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.core.config import Site
from cutouts.core.errors import HeldError
from cutouts.steps import publish
from cutouts.steps.shell_commands import approve_command
from tests.photographs import blank, product
from tests.steps.conftest import Refresh

NAMES = ["dark", "it's dim; rm -rf $HOME", 'ünlit `x` "y"']


@pytest.mark.parametrize("name", NAMES)
def test_the_command_of_a_held_delivery_releases_it_from_any_folder(
    site: Site, refresh: Refresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is pasted unchanged into a shell, with the site's own catalogue, tables and expectations."""
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "own suite.json"
    own.write_bytes((Path(__file__).parents[2] / "schemas/expectations/mask_quality.json").read_bytes())
    settings = {"root": f"here {tmp_path.name}", "catalog": "sqlite:///own/c.sqlite", "mask_quality": own.name}
    settings["tables"] = f"my tables {tmp_path.name}"  # a store is opened once per process and name
    here = site.model_copy(update=settings)
    for seed in range(6):
        blank(tmp_path / name / f"{seed}.jpg", seed=seed)
    product(tmp_path / name / "good.jpg")
    decision, _ = refresh(here, tmp_path / name)
    with pytest.raises(HeldError) as held:
        publish(here, decision.gate_id)
    command = str(held.value).splitlines()[-1]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        command, shell=True, check=True, cwd=elsewhere, env=environment, capture_output=True, text=True
    )
    assert f"releasing gate {decision.gate_id}: " in done.stderr
    assert "7 images, 0 rejected" in done.stderr
    with Catalog.open(here.catalog_url) as catalog:
        assert catalog.published(name).num_rows == 1
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cr%2Ft@db:5432/shop",
        "postgresql+psycopg://me:s3cr%2Ft@db:5432/shop?sslmode=require&password=s3cr%2Ft",
    ],
)
def test_no_command_shows_a_password(url: str) -> None:
    """The user's password and one in the query are hidden; user, host and options stay."""
    command = approve_command(Site(root="s3://shop/site", catalog=url), "2026-01-01/a")
    assert "s3cr" not in command
    assert "://me@db:5432/shop" in command
    assert command.endswith("--out s3://shop/site")
    assert ("sslmode=require" in command) == ("sslmode" in url)
