"""Histograms of the measurements of images, with the limits of the gate; the templates draw them as inline SVG."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from cutouts.core.pixels import Doubles
from cutouts.core.text.counting import counted
from cutouts.report.page.ranking import MEASURES
from cutouts.schemas.tables import IMAGES, METRICS

SHOWN = ("p_bad", *MEASURES)
"""The measurements that have a histogram, in their order."""

_WIDTH, _HEIGHT = 300.0, 84.0
"""Size of the drawing without its labels, in units of its view box."""
_BINS = 30
_LOWEST = 1.5
"""Height of the lowest bar, so that one image of thousands can be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The finite values of one measurement: of images that the gate let pass, of those that it kept back, and of
    accepted deliveries, which these are compared with. Each is a float64 array of shape (n,)."""

    good: Doubles
    kept_back: Doubles
    accepted: Doubles = field(default_factory=lambda: np.zeros(0))

    @property
    def measured(self) -> bool:
        """Whether any image that is not from an accepted delivery has a value."""
        return bool(self.good.size or self.kept_back.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A rectangle of the drawing. `kind` is `good` or `kept-back`."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """One measurement: its title, what it is, the drawing, and the same in words for people who cannot see it.

    `accepted` has the points of an outline (SVG), `limits` are positions on the x axis, `ticks` positions with labels,
    and `top` is the share of images at the top of the y axis.
    """

    title: str
    about: str
    words: str
    bars: tuple[Bar, ...]
    accepted: str
    limits: tuple[float, ...]
    ticks: tuple[tuple[float, str], ...]
    top: str


def suite_thresholds(text: str) -> dict[str, tuple[float, ...]]:
    """The limits of a mask quality suite (JSON) by metric, as far as single images are judged by them."""
    limits: dict[str, set[float]] = {}
    for expectation in json.loads(text)["expectations"]:
        if expectation["type"] == "expect_column_values_to_be_between":
            kwargs = expectation["kwargs"]
            values = {float(kwargs[end]) for end in ("min_value", "max_value") if kwargs.get(end) is not None}
            limits.setdefault(kwargs["column"], set()).update(values)
    return {column: tuple(sorted(values)) for column, values in limits.items()}


def finite(column: pa.ChunkedArray) -> Doubles:
    """The values of a column of numbers that are neither null nor NaN nor infinite: float64, shape (n,)."""
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(values[np.isfinite(values)], np.float64)


def histograms(measured: Mapping[str, Values], limits: Mapping[str, Sequence[float]]) -> tuple[Histogram, ...]:
    """The histogram of each measurement that an image has, with its limits."""
    return tuple(histogram(name, one, limits.get(name, ())) for name, one in measured.items() if one.measured)


def histogram(name: str, values: Values, limits: Sequence[float]) -> Histogram:
    """The histogram of the measurement `name`; `values.measured` must be true."""
    metadata = (IMAGES if name in IMAGES.names else METRICS).field(name).metadata
    edges = _edges(name, np.concatenate([values.good, values.kept_back, values.accepted]), limits)
    images = values.good.size + values.kept_back.size
    good, kept_back = (_counts(edges, some) / images for some in (values.good, values.kept_back))
    accepted = _counts(edges, values.accepted) / max(1, values.accepted.size)
    top = max(float((good + kept_back).max()), float(accepted.max()))
    span = float(edges[-1] - edges[0])
    return Histogram(
        title="Probability that it is bad" if name == "p_bad" else name.replace("_", " ").capitalize(),
        about=metadata[b"about"].decode() + (f" ({metadata[b'unit'].decode()})" if b"unit" in metadata else ""),
        words=_words(values, limits),
        bars=tuple(_bars(good / top, kept_back / top)),
        accepted=_outline(accepted / top) if values.accepted.size else "",
        limits=tuple(_WIDTH * (limit - float(edges[0])) / span for limit in limits if limit <= edges[-1]),
        ticks=tuple((_WIDTH * (at - float(edges[0])) / span, f"{at:g}") for at in _ticks(edges)),
        top=f"{100 * top:.3g} %",
    )


def _words(values: Values, limits: Sequence[float]) -> str:
    these = np.concatenate([values.good, values.kept_back])
    low, middle, high = (f"{value:.3g}" for value in np.quantile(these, (0, 0.5, 1)))
    words = [f"{counted(these.size, 'image')} between {low} and {high}, median {middle}"]
    if values.accepted.size:
        accepted = counted(values.accepted.size, "accepted image")
        words.append(f"{accepted}, median {np.median(values.accepted):.3g}")
    if limits:
        words.append("limit " + " and ".join(f"{limit:g}" for limit in limits))
    return "; ".join(words)


def _edges(name: str, values: Doubles, limits: Sequence[float]) -> Doubles:
    """The edges of the bins: one bin per count, 0..1 for shares unless all are small, otherwise over what is there."""
    low, high = min(0.0, float(values.min())), max(float(values.max()), *limits, 0.02)
    if name == "components":
        return np.arange(-0.5, max(4, min(high, 40)) + 1.5)
    return np.linspace(low, 1.0 if 0.3 < high <= 1 else high * 1.05, _BINS + 1)


def _counts(edges: Doubles, values: Doubles) -> Doubles:
    """How many values are in each bin; what lies outside is in the first or the last one."""
    return np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0].astype(np.float64)


def _ticks(edges: Doubles) -> list[float]:
    """Three to six round numbers (1, 2 or 5 times a power of ten apart) between the first and the last edge."""
    low, high = float(edges[0]), float(edges[-1])
    power = 10.0 ** math.floor(math.log10((high - low) / 5))
    step = next(factor * power for factor in (1, 2, 5, 10) if (high - low) / (factor * power) <= 5)
    return [round(at * step, 12) for at in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]


def _bars(good: Doubles, kept_back: Doubles) -> list[Bar]:
    """The bars of each bin, kept-back images on top of good ones; both are shares of the height."""
    step = _WIDTH / len(good)
    bars = []
    for index, shares in enumerate(zip(good, kept_back, strict=True)):
        base = _HEIGHT
        for kind, share in zip(("good", "kept-back"), shares, strict=True):
            if share:
                height = max(_LOWEST, _HEIGHT * float(share))
                base -= height
                bars.append(Bar(kind=kind, x=step * (index + 0.15), y=base, width=step * 0.7, height=height))
    return bars


def _outline(shares: Doubles) -> str:
    """The points of the area below a staircase of these heights."""
    step = _WIDTH / len(shares)
    stairs = ((x * step, _HEIGHT * (1 - share)) for index, share in enumerate(shares) for x in (index, index + 1))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in ((0.0, _HEIGHT), *stairs, (_WIDTH, _HEIGHT)))
