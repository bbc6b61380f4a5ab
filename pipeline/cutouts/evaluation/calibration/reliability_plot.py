"""The reliability diagram of a calibration, as SVG."""

from __future__ import annotations

import io

import pyarrow as pa

from cutouts.core.calibration import Calibration, terms
from cutouts.core.confidence import lower_bound, upper_bound
from cutouts.evaluation.calibration.check import reliability
from cutouts.evaluation.calibration.fit import flags

_ONE_SIDED = 0.975
"""Both bounds together are the 95 % interval."""


def reliability_svg(calibration: Calibration, masks: pa.Table) -> bytes:
    """The share of bad masks, with its exact 95 % interval, by what the calibration said; the diagonal is perfect."""
    from matplotlib import rc_context, rcdefaults, rcParams
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    points = reliability(calibration.probabilities(terms(masks)), flags(masks))
    said, shares = [mean for mean, _, _ in points], [bad / count for _, count, bad in points]
    below = [share - lower_bound(bad, count, _ONE_SIDED) for share, (_, count, bad) in zip(shares, points, strict=True)]
    above = [upper_bound(bad, count, _ONE_SIDED) - share for share, (_, count, bad) in zip(shares, points, strict=True)]
    with rc_context():
        rcdefaults()  # a matplotlibrc in the working folder must have no effect
        rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "reliability", "font.size": 9})
        figure = Figure(figsize=(4.5, 4.5))
        FigureCanvasSVG(figure)
        axes = figure.add_axes((0.13, 0.11, 0.84, 0.84))
        axes.plot([0, 1], [0, 1], color="#999", linewidth=1)
        axes.errorbar(said, shares, yerr=[below, above], marker="o", capsize=3)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="predicted probability", ylabel="share of bad masks")
        axes.set_title(f"{sum(count for _, count, _ in points)} masks, calibration {calibration.version}", fontsize=9)
        text = io.BytesIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
