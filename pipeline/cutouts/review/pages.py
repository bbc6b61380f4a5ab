"""The HTML of the review pages. Everything that comes from a delivery or a person is escaped by the templates."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.errors import CutoutsError
from cutouts.core.text.display import shown
from cutouts.report.html.number_format import number, share
from cutouts.report.html.templates import templates
from cutouts.report.page.lists import counts_shown, why
from cutouts.review.histograms import histograms
from cutouts.review.sheets import IMAGES_PER_PAGE, Sheet, Show, open_sheet
from cutouts.review.standings import ENTRIES_PER_PAGE, DecisionOn, decisions_about, settled, standing_of, waiting
from cutouts.steps.explain import Explanation, explain

REASONS = (
    "part of the product is missing",
    "background was left",
    "a hole is closed",
    "the edge is rough",
    "wrong photograph",
)
"""Reasons that a reviewer can choose with one click."""

POLICY = (
    "default-src 'none'; img-src 'self' blob:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
"""The content security policy of every page: nothing inline, nothing from elsewhere."""

_SCRIPT = "text/javascript; charset=utf-8"
STATIC = {"review.css": "text/css; charset=utf-8", "review.js": _SCRIPT, "theme.js": _SCRIPT}
"""The files that the pages load, with their types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who looks at a page: their name, the URL prefix of the pages, and the token that lets them decide.

    Without a token, the pages show no controls.
    """

    name: str
    prefix: str
    token: str | None = None


def deliveries_page(site: Site, reader: Reader, page: int = 0) -> str:
    """The deliveries that wait for a decision, and one page of those that were settled."""
    entries, total = settled(site, page)
    return _render(
        "deliveries.html",
        reader,
        waiting=waiting(site) if page == 0 else [],
        entries=entries,
        counts=counts_shown,
        page=page,
        pages=max(1, -(-total // ENTRIES_PER_PAGE)),
    )


def delivery_page(site: Site, reader: Reader, gate_id: str, *, show: Show | None = None, page: int = 0) -> str:
    """One page of the images of a decision, the worst first. Raises UnknownDecisionError."""
    sheet = open_sheet(site, gate_id)
    standing, said = standing_of(site, sheet)
    counts = {one: len(sheet.rows(one)) for one in Show}
    left = counts[Show.WAITING] - len(standing.replaced)
    about = decisions_about(site, sheet.decision.delivery)
    chosen = show or (Show.WAITING if counts[Show.WAITING] else Show.ALL)
    rows = sheet.rows(chosen)
    pages = max(1, -(-len(rows) // IMAGES_PER_PAGE))
    page = min(page, pages - 1)
    return _render(
        "delivery.html",
        reader,
        decision=sheet.decision,
        counts=counts_shown(sheet.decision),
        standing=standing,
        decisions=about,
        newer=_newer(about, sheet.decision),
        left=left,
        decidable=bool(reader.token) and (standing.state.waits or bool(sheet.decision.quarantined and left)),
        show=chosen,
        shows=counts,
        images=sheet.images(rows[page * IMAGES_PER_PAGE : (page + 1) * IMAGES_PER_PAGE], said, standing.replaced),
        bad=sheet.bad_by_themselves(),
        page=page,
        pages=pages,
        why=why(sheet.outcomes),
        suggestions=REASONS,
    )


def image_part(site: Site, reader: Reader, gate_id: str, row: int, networks: tuple[str, ...] = ()) -> str:
    """The part of a page about one image: reasons, measurements and lineage. Raises UnknownDecisionError."""
    sheet = open_sheet(site, gate_id)
    _, said = standing_of(site, sheet)
    image = sheet.image(row, said)
    lineage = _lineage(site, sheet, image.image_id)
    return _render("image.html", reader, image=image, decision=sheet.decision, lineage=lineage, networks=networks)


def waiting_rows(site: Site, gate_id: str) -> dict[str, list[int]]:
    """The rows of the images that wait for a person: those that the gate objects to `alone`, and the `others`."""
    sheet = open_sheet(site, gate_id)
    standing, _ = standing_of(site, sheet)
    waiting = [one for one in sheet.images(sheet.rows(Show.WAITING), replaced=standing.replaced) if one.waits]
    alone = [one.number for one in waiting if one.own_reasons(sheet.decision)]
    return {"alone": alone, "others": sorted({one.number for one in waiting}.difference(alone))}


def histograms_part(site: Site, reader: Reader, gate_id: str) -> str:
    """The part of a page with the distributions of the measurements."""
    return _render("histograms.html", reader, plots=histograms(site, gate_id))


def error_page(reader: Reader, title: str, words: str) -> str:
    """A page that says what is wrong."""
    return _render("error.html", reader, title=title, words=words)


@cache
def static_file(name: str) -> bytes:
    """A file of `STATIC`. The style sheet begins with that of the report, so that both look the same."""
    own = resources.files("cutouts.review").joinpath(f"static/{name}").read_bytes()
    if name != "review.css":
        return own
    return resources.files("cutouts.report").joinpath("templates/style.css").read_bytes() + own


def _newer(decisions: Sequence[DecisionOn], decision: GateDecision) -> DecisionOn | None:
    """The newest decision about the newest version of the whole delivery; None if that decision is about this version.

    A version that is released is judged again, so what counts is when it was judged first.
    """
    mine = [one for one in decisions if not one.second_try]
    newest = [*dict.fromkeys(one.decision.judged for one in reversed(mine))][-1:]
    return next((one for one in mine if [one.decision.judged] == newest != [decision.judged]), None)


def _lineage(site: Site, sheet: Sheet, image_id: str) -> Explanation | None:
    try:
        return explain(site, image_id, delivery=sheet.decision.delivery)[0]
    except CutoutsError:  # the decision is not in the catalogue (any more)
        return None


def _render(template: str, reader: Reader, **values: Any) -> str:
    return _environment().get_template(template).render(reader=reader, version=_version(), **values)


def _plain(value: object) -> object:
    """A value as a person may see it: a name cannot turn the direction of text, and secrets are hidden."""
    return value if isinstance(value, Markup | int) else shown(str(value))


@cache
def _version() -> str:
    """A digest of the files that pages load, so that browsers load them again when they change."""
    return hashlib.sha256(b"".join(map(static_file, STATIC))).hexdigest()[:12]


@cache
def _environment() -> Environment:
    environment = templates("cutouts.review", finalize=_plain)
    environment.filters.update(number=number, share=share)
    return environment
