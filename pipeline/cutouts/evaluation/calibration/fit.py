"""Fits the probability that a mask is bad: a logistic regression with a ridge penalty, in which each set of images has
the same weight."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from scipy.optimize import minimize

from cutouts.core.calibration import FAVOURABLE, TERMS, Calibration, Weight, term, terms
from cutouts.core.errors import ConfigError
from cutouts.core.pixels import Doubles, Mask

RIDGE = 3.0
"""Weight of the ridge penalty relative to the sum of the losses. It keeps a few masks from producing a sharp
threshold."""
_FITTED = ["images", "name", "network", "matte_digest", "bad", *TERMS]
FEWEST = 20
"""The smallest number of good masks, and of bad masks, for a calibration."""


def fit(masks: pa.Table) -> Calibration:
    """The calibration for the networks of `masks`, a table `JUDGED_MASKS` in any order. Raises ConfigError if there are
    too few good or bad masks."""
    masks = masks.sort_by([(name, "ascending") for name in ("images", "name", "network")])
    bad = flags(masks)
    require_enough(masks)
    share = _shares(masks)
    columns = {name: term(name, values) for name, values in terms(masks).items()}
    means = {name: float(np.average(values, weights=share)) for name, values in columns.items()}
    spreads = {
        name: float(np.sqrt(np.average((values - means[name]) ** 2, weights=share))) or 1.0
        for name, values in columns.items()
    }
    scaled = np.stack([(values - means[name]) / spreads[name] for name, values in columns.items()], axis=1)
    bias, *weights = _regression(scaled, bad, share * len(bad), list(columns)).tolist()
    return Calibration(
        version=_version(masks),
        networks=dict(
            sorted(zip(*(masks.column(name).to_pylist() for name in ("matte_digest", "network")), strict=True))
        ),
        bias=bias,
        weights={
            name: Weight(mean=means[name], spread=spreads[name], weight=weight)
            for name, weight in zip(columns, weights, strict=True)
        },
        images=len(bad),
        bad=int(bad.sum()),
    )


def refit(calibration: Calibration, masks: pa.Table) -> Calibration:
    """The calibration, moved towards `masks` of one of its networks as far as these speak against it.

    The ridge penalty draws the weights to those of the calibration, so a few masks change little. All masks count
    alike, and the result is for their network only. It was not checked on any masks.
    """
    names = list(calibration.weights)
    columns, old = terms(masks), calibration.weights
    scaled = np.stack([(term(name, columns[name]) - old[name].mean) / old[name].spread for name in names], axis=1)
    bad, ones = flags(masks), np.ones(masks.num_rows)
    towards = np.asarray([calibration.bias, *(old[name].weight for name in names)], np.float64)
    bias, *weights = _regression(scaled, bad, ones, names, towards).tolist()
    digest = masks.column("matte_digest")[0].as_py()
    return replace(
        calibration,
        version=hashlib.sha256(f"{calibration.version} {_version(masks)}".encode()).hexdigest()[:12],
        networks={digest: calibration.networks[digest]},
        bias=bias,
        weights={name: replace(old[name], weight=weight) for name, weight in zip(names, weights, strict=True)},
        images=calibration.images + len(bad),
        bad=calibration.bad + int(bad.sum()),
        checked=(),
    )


def require_enough(masks: pa.Table) -> None:
    """Raise ConfigError if there are too few good or bad masks."""
    bad = flags(masks)
    counts = int(bad.sum()), int((~bad).sum())
    if min(counts) < FEWEST:
        raise ConfigError(
            "too little to calibrate the gate on",
            [f"{counts[0]} bad and {counts[1]} good masks; at least {FEWEST} of each are needed"],
        )


def flags(masks: pa.Table) -> Mask:
    """Whether each mask is bad, bool (n,)."""
    return np.asarray(masks.column("bad").to_pylist(), np.bool_)


def _shares(masks: pa.Table) -> Doubles:
    """The weight of each mask, float64 (n,): every set of images has the same weight, and so have all masks within a
    set; the sum is 1."""
    _, place, counts = np.unique(masks.column("images").to_pylist(), return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[place] / len(counts), np.float64)


def _regression(
    scaled: Doubles, bad: Mask, share: Doubles, names: Sequence[str], towards: Doubles | None = None
) -> Doubles:
    """Bias and weights of the terms `names`, float64 (1 + terms,), with the least penalised loss.

    The loss is convex, so there is only one minimum. The penalty draws the weights to 0, or bias and weights `towards`
    others. No weight has the wrong sign, so a mask never looks better for what speaks against it.
    """
    signs = [(None, 0.0) if name in FAVOURABLE else (0.0, None) for name in names]
    inputs = np.hstack([np.ones((len(bad), 1)), scaled])
    sign = np.where(bad, 1.0, -1.0)
    centre = np.zeros(inputs.shape[1]) if towards is None else towards
    penalty = np.full(inputs.shape[1], RIDGE)
    if towards is None:
        penalty[0] = 0.0

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        margin = sign * (inputs @ weights)
        ridge = (weights - centre) * penalty
        slope = -inputs.T @ (share * sign / (1 + np.exp(margin))) + ridge
        return float((share * np.logaddexp(0, -margin)).sum() + 0.5 * ridge @ (weights - centre)), slope

    found = minimize(loss, centre, jac=True, method="L-BFGS-B", bounds=[(None, None), *signs])
    return np.asarray(found.x, np.float64)


def _version(masks: pa.Table) -> str:
    """A digest of the masks that were fitted, 12 hexadecimal characters."""
    digest = hashlib.sha256()
    for batch in masks.select(_FITTED).combine_chunks().to_batches():
        digest.update(batch.serialize())
    return digest.hexdigest()[:12]
