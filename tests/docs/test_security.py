"""docs/security.md compared with the code: the settings, prefixes, limits and reasons that it names exist."""

from __future__ import annotations

import re

import pytest

from cutouts.adapters import site_settings
from cutouts.adapters.storage.sources import reading, web
from cutouts.core import table_paths
from cutouts.core.config import ENV_PREFIX, Site, parse_site
from cutouts.core.records import DeliveryKey
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.sources.locations import SCHEMES, Prefix
from tests.docs.pages import ROOT, SECURITY, blocks, prose, rows, spans

LIMITS = {row[0]: row[1] for row in rows(SECURITY, "## Limits of one read")}


def test_the_documented_limits_match_the_code() -> None:
    """They are bytes, timeouts, redirects and retries."""
    defaults = {name: Site.model_fields[name].default for name in ("max_bytes", "read_seconds")}
    assert {
        "bytes": f"`max_bytes` ({defaults['max_bytes']} B)",
        "total time": f"`read_seconds` ({defaults['read_seconds']:g} s)",
        "time to connect": f"{web.CONNECT_SECONDS:g} s",
        "time without a byte": f"{web.IDLE_SECONDS:g} s",
    } == LIMITS
    assert f"at most {web.REDIRECTS} redirects" in prose(SECURITY)
    assert reading.TRIES == 3
    assert "tried up to three times" in prose(SECURITY)


@pytest.mark.parametrize("row", rows(SECURITY, "the setting `allowed_sources`"), ids=lambda row: row[0])
def test_every_documented_prefix_is_valid(row: list[str]) -> None:
    """The settings accept each of them."""
    for text in re.findall(r"`([^`]+)`", row[0]):
        assert Prefix.parse(text)


def test_every_scheme_that_can_be_allowed_is_named() -> None:
    """No other scheme is among the prefixes."""
    shown = prose(SECURITY).split("| prefix | allows |")[1].split("The list replaces")[0]
    assert {f"{scheme}://" for scheme in SCHEMES if scheme != "file"} == set(re.findall(r"[a-z0-9]+://", shown))


def test_the_documented_default_and_variable_are_valid() -> None:
    """The example for the environment is read as settings."""
    assert f"default is `{list(Site.model_fields['allowed_sources'].default)}`".replace("'", '"') in prose(SECURITY)
    (example,) = (line for line in blocks(SECURITY, "sh") if ENV_PREFIX in line)
    name, _, value = example.strip().partition("=")
    assert parse_site({}, {name: value}).allowed_sources == ("https://", "/srv/photographs")


def test_the_documented_reason_is_the_recorded_one() -> None:
    """A query over rejections finds it."""
    assert str(RejectionReason.NOT_ALLOWED) in spans(SECURITY)


def test_what_a_found_settings_file_may_set_is_documented() -> None:
    """The three rows have exactly the settings that are accepted from such a file."""
    freely, below, lower = (
        re.findall(r"`(\w+)`", row[1]) for row in rows(SECURITY, "It may contain only the settings below")
    )
    assert set(freely) == site_settings.HARMLESS | {"cluster"}
    assert set(below) == site_settings.PLACES
    assert set(lower) == site_settings.LIMITS


def test_every_table_that_may_hold_a_secret_is_listed() -> None:
    """The paths are those under which these tables are written."""
    key, plan = DeliveryKey.parse("2026-01-02/shoes"), "0" * 32
    written = {
        table_paths.plan_file(plan, "shards.parquet"),
        table_paths.intake_file(key),
        table_paths.taken_file(plan),
        table_paths.refused_file(plan),
    }
    told = {path for row in rows(SECURITY, "apart from these") for path in re.findall(r"`tables/([^`]+)`", row[0])}
    values = {"<plan_id>": plan, "<fingerprint>": plan, "<day>": "2026-01-02", "<id>": "shoes"}
    assert {re.sub(r"<\w+>", lambda name: values[name[0]], path) for path in told} == written


def test_the_image_has_the_files_that_it_names() -> None:
    """They are the list of packages and the page about licences."""
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    assert "--output-file sbom.cdx.json" in dockerfile
    assert "COPY docs/licences.md ./" in dockerfile
    assert "`/app/sbom.cdx.json`" in prose(SECURITY)
