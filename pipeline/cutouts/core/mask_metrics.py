"""The measurements of a mask, as records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """Measurements of a matte without a known matte; units are in `cutouts.schemas.tables.METRICS`. Never NaN."""

    saliency_peak: float
    saliency_mean: float
    coverage: float
    soft_inside: float
    components: int
    frame_contact: float
    edge_alignment: float
    fringe: float
    saliency_doubt: float
    matte_doubt: float
    worst_doubt: float
    islands: float
    thin: float
    holes: float
    roughness: float
    edges_outside: float
    background_known: float
    left_behind: float
    taken_along: float
    filled_holes: float
    shadow: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskMetrics(Measurements):
    """The measurements of one image's matte: a row of `cutouts.schemas.tables.METRICS`."""

    image_id: str
    sha256: str
    matte_digest: str
    render_digest: str
