"""Distributions of the metrics as inline SVG whose colours are the page's own (so that they follow light and dark)."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.core.decisions import Outcome
from cutouts.core.pixels import Doubles
from cutouts.core.text.counting import counted
from cutouts.report.page.ranking import MEASURES
from cutouts.schemas.tables import IMAGES, METRICS

_COLOURS = {"#010101": "currentColor", "#020202": "var(--published)", "#030303": "var(--bad)", "#040404": "var(--line)"}
"""Drawn with these by matplotlib, replaced in its SVG by the page's variables."""
_INK, _GOOD, _BAD, _LINE = _COLOURS
_BINS = 30
_CROWDED = 200
"""From so many images in the tallest bar on counts are drawn on a logarithmic scale: few bad ones stay visible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One histogram: its title, what the metric is, the SVG, and the same in words for people who cannot see it."""

    title: str
    about: str
    svg: str
    words: str


def suite_thresholds(text: str) -> dict[str, tuple[float, ...]]:
    """The limits of a mask quality suite (JSON) by metric, as far as single images are judged by them."""
    limits: dict[str, set[float]] = {}
    for expectation in json.loads(text)["expectations"]:
        if expectation["type"] == "expect_column_values_to_be_between":
            kwargs = expectation["kwargs"]
            values = {float(kwargs[end]) for end in ("min_value", "max_value") if kwargs.get(end) is not None}
            limits.setdefault(kwargs["column"], set()).update(values)
    return {column: tuple(sorted(values)) for column, values in limits.items()}


def draw(measured: pa.Table, thresholds: Mapping[str, tuple[float, ...]]) -> list[Plot]:
    """A histogram per metric that was measured at all; `measured` is from `ranking.with_metrics`."""
    bad = pc.is_in(measured["outcome"], pa.array([Outcome.QUARANTINED, Outcome.HELD])).to_numpy(zero_copy_only=False)
    plots = []
    for name in ("p_bad", *MEASURES):
        values = measured[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
        known = np.isfinite(values)
        if known.any():
            plots.append(_plot(name, values[known & ~bad], values[known & bad], thresholds.get(name, ())))
    return plots


def _plot(name: str, kept: Doubles, bad: Doubles, limits: tuple[float, ...]) -> Plot:
    metadata = (IMAGES if name in IMAGES.names else METRICS).field(name).metadata
    everything = np.concatenate([kept, bad])
    low, middle, high = (f"{value:.3g}" for value in np.quantile(everything, (0, 0.5, 1)))
    words = f"{counted(len(everything), 'image')} between {low} and {high}, median {middle}"
    if limits:
        words += "; limit " + " and ".join(f"{limit:g}" for limit in limits)
    return Plot(
        title=name.replace("_", " ").capitalize(),
        about=f"{metadata[b'about'].decode()} ({metadata.get(b'unit', b'').decode()})",
        svg=_svg(name, _edges(name, everything, limits), (kept, bad), limits),
        words=words,
    )


def _edges(name: str, values: Doubles, limits: Sequence[float]) -> Doubles:
    """Bins over 0..1 for shares (zoomed where all are close to 0), one per count, else over what is there."""
    top = max(float(values.max()), *limits, 1e-3)
    if name == "components":
        return np.arange(-0.5, max(4, min(top, 40)) + 1.5)
    if name == "fringe":
        return np.linspace(0, max(top, 1), _BINS + 1)
    return np.linspace(0, 1 if top > 0.3 else max(top, 0.02) * 1.1, _BINS + 1)


def _svg(
    name: str,
    edges: Doubles,
    groups: tuple[Doubles, Doubles],
    limits: Sequence[float],
) -> str:
    from matplotlib import rc_context, rcdefaults, rcParams
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings = {"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif", "font.size": 8}
    with rc_context():
        rcdefaults()  # a matplotlibrc in the working folder may have come with the photographs
        rcParams.update(settings)
        figure = Figure(figsize=(3.1, 1.55))
        FigureCanvasSVG(figure)
        _bars(figure.add_axes((0.11, 0.15, 0.86, 0.8)), edges, groups, limits)
        text = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    return _inline(text.getvalue())


def _bars(
    axes: Any,  # matplotlib ships no types that mypy is told to follow
    edges: Doubles,
    groups: tuple[Doubles, Doubles],
    limits: Sequence[float],
) -> None:
    from matplotlib.ticker import MaxNLocator

    kept, bad = (np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] for values in groups)
    axes.stairs(kept + bad, edges, fill=True, color=_BAD, linewidth=0)
    axes.stairs(kept, edges, fill=True, color=_GOOD, linewidth=0)
    if (kept + bad).max() >= _CROWDED:
        axes.set_yscale("symlog", linthresh=1)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    for limit in limits:
        axes.axvline(limit, color=_INK, linestyle=(0, (3, 2)), linewidth=1)
    axes.set_xlim(edges[0], edges[-1])
    axes.xaxis.set_major_locator(MaxNLocator(5, min_n_ticks=3, integer=bool(edges[0] < 0)))
    axes.tick_params(colors=_INK, length=2, width=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_LINE)


def _inline(svg: str) -> str:
    """Matplotlib's SVG as part of an HTML page: no prologue, no name spaces, no ids that others have too."""
    svg = svg[svg.index("<svg") :]
    tag, body = svg.split(">", 1)
    view_box = re.search(r'viewBox="[^"]*"', tag)
    svg = f'<svg {view_box.group() if view_box else ""} aria-hidden="true" focusable="false">{body}'
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)  # a style would hold for the whole page
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)
    svg = svg.replace("xlink:href", "href")
    for drawn, variable in _COLOURS.items():
        svg = svg.replace(drawn, variable)
    return svg
