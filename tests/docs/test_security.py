"""docs/security.md compared with the code: settings, prefixes, limits and words that it names are real."""

from __future__ import annotations

import re

import pytest

from cutouts.adapters.storage import sources, web
from cutouts.core.config import ENV_PREFIX, Site, parse_site
from cutouts.core.locations import SCHEMES, Prefix
from cutouts.core.records import RejectionReason
from tests.docs.pages import SECURITY, blocks, prose, rows, spans

LIMITS = {row[0]: row[1] for row in rows(SECURITY, "## What one read may cost")}


def test_the_limits_are_those_that_hold() -> None:
    """Bytes, the clocks, redirects and tries."""
    defaults = {name: Site.model_fields[name].default for name in ("max_bytes", "read_seconds")}
    assert {
        "bytes": f"`max_bytes` ({defaults['max_bytes']} B)",
        "time in all": f"`read_seconds` ({defaults['read_seconds']:g} s)",
        "time to connect": f"{web.CONNECT_SECONDS:g} s",
        "time without a byte": f"{web.IDLE_SECONDS:g} s",
    } == LIMITS
    assert f"at most {web.REDIRECTS} redirects" in prose(SECURITY)
    assert sources.TRIES == 3
    assert "tried three times" in prose(SECURITY)


@pytest.mark.parametrize("row", rows(SECURITY, "the setting `allowed_sources`"), ids=lambda row: row[0])
def test_every_prefix_that_it_shows_is_one(row: list[str]) -> None:
    """The settings take each of them."""
    for text in re.findall(r"`([^`]+)`", row[0]):
        assert Prefix.parse(text)


def test_every_scheme_that_can_be_allowed_is_named() -> None:
    """And no other is among the prefixes."""
    shown = prose(SECURITY).split("| prefix | allows |")[1].split("The list replaces")[0]
    assert {f"{scheme}://" for scheme in SCHEMES if scheme != "file"} == set(re.findall(r"[a-z0-9]+://", shown))


def test_the_default_and_the_variable_are_real() -> None:
    """The example for the environment is read as settings."""
    assert f"default is `{list(Site.model_fields['allowed_sources'].default)}`".replace("'", '"') in prose(SECURITY)
    (example,) = (line for line in blocks(SECURITY, "sh") if ENV_PREFIX in line)
    name, _, value = example.strip().partition("=")
    assert parse_site({}, {name: value}).allowed_sources == ("https://", "/srv/photographs")


def test_the_reason_that_it_names_is_recorded_so() -> None:
    """A query over rejections finds it."""
    assert str(RejectionReason.NOT_ALLOWED) in spans(SECURITY)
