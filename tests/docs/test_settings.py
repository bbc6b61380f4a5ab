"""docs/settings.md and every setting on another page compared with the code."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from cutouts.adapters.quality import bundled
from cutouts.adapters.site_settings import CONFIG_VARIABLE
from cutouts.core.config import ENV_PREFIX, Site, parse_site
from cutouts.core.renditions.rendition import parse_renditions
from cutouts.models.table import ModelRow
from tests.docs.pages import CATALOGUE, MODELS, PAGES, SETTINGS, blocks, rows

TABLE = {row[0].strip("`"): row[1:] for row in rows(SETTINGS, "# Settings")}
BLOCKS = [(page, block) for page in PAGES for block in blocks(page, "toml")]
VARIABLES = {f"{ENV_PREFIX}{name.upper()}" for name in Site.model_fields}


@pytest.mark.parametrize("name", Site.model_fields)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    """The table has each field of the site, its variable and its default."""
    variable, default, about = TABLE[name]
    real = Site.model_fields[name].default
    assert variable == f"`{ENV_PREFIX}{name.upper()}`"
    assert default in (_shown(real), _derived(name)), default
    assert about


def test_it_lists_only_existing_settings() -> None:
    """Each row of the table is a field, in the order of the code."""
    assert list(TABLE) == list(Site.model_fields)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_on_a_page_is_a_setting(page: Path) -> None:
    """Each `CUTOUTS_*` is a setting or names the settings file."""
    named = set(re.findall(r"CUTOUTS_[A-Z_]+\b", page.read_text(encoding="utf-8")))
    assert named <= VARIABLES | {CONFIG_VARIABLE}


def test_every_variable_is_documented() -> None:
    """The page has all of them, including the one that names the file."""
    named = set(re.findall(r"CUTOUTS_[A-Z_]+\b", SETTINGS.read_text(encoding="utf-8")))
    assert named == VARIABLES | {CONFIG_VARIABLE}


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=lambda case: getattr(case, "name", "block"))
def test_every_toml_block_is_valid(page: Path, block: str) -> None:
    """A block has settings of a site, rows of a model table with every field, or renditions, which are tables."""
    read = tomllib.loads(block)
    if all(isinstance(value, dict) for value in read.values()):
        assert set(parse_renditions(read, page.name)) == set(read)
        return
    if "models" in read:
        optional = {"md5", "bytes", "opened"}  # only published networks have these
        for row in read["models"]:
            ModelRow.model_validate(row)
            assert set(ModelRow.model_fields) - set(row) == optional
        return
    assert parse_site(read, {}).model_dump(mode="json", include=set(read)) == read


def test_there_is_a_toml_block_of_each_kind() -> None:
    """There are settings for PostgreSQL and S3, and the row of a network."""
    (stores,), (networks,) = blocks(CATALOGUE, "toml"), blocks(MODELS, "toml")
    read = tomllib.loads(stores)
    assert parse_site(read, {}).catalog_url == read["catalog"]
    assert "models" in tomllib.loads(networks)


def _shown(default: object) -> str:
    return "none" if default is None else f"`{json.dumps(default) if isinstance(default, bool | tuple) else default}`"


def _derived(name: str) -> str:
    """The default that a site derives if the field's own default is None."""
    if name == "mask_quality":
        return "the one we ship" if bundled("mask_quality").is_file() else ""
    url = getattr(Site(root="ROOT"), f"{name}_url", None)
    return f"`{url.removeprefix('sqlite:///')}`" if url else ""
