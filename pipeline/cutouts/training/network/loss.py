"""The loss: edge-weighted cross entropy and soft IoU of five logit planes, and generalised cross entropy of presence.

The weights and the form of the first two terms are F3Net's (Wei et al. 2020, arXiv 1911.11445); the truth is alpha, not
a mask.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from cutouts.training.network.saliency import Logits

# Only the finest level is served; the coarser ones guide the training (deep supervision).
LEVEL_WEIGHTS = (1.0, 0.4, 0.3, 0.2, 0.2)
PRESENCE_WEIGHT = 0.5
# A falsely found product is published; a missed one is quarantined, and a person sees it.
ABSENCE_WEIGHT = 3.0
# Some labels are wrong: a photograph whose subject was removed may still show parts of it. With plain cross
# entropy, the network then doubts every product, which shows as haze; above 0, doubtful images have less weight.
PRESENCE_Q = 0.5
EDGE_BOX = 0.088
EDGE_WEIGHT = 4.0


def total(logits: Logits, alpha: torch.Tensor) -> torch.Tensor:
    """The loss, a scalar, of logits at strides 2 to 32 and of presence; `alpha` is float32 (N, 1, S, S) in 0..1.

    The finest plane is judged after the bilinear ×2 enlargement with which it is served, the others at their own size.
    """
    planes, weight = logits.planes, edge_weights(alpha)
    raised = functional.interpolate(planes[0], scale_factor=2.0, mode="bilinear", align_corners=False)
    loss = LEVEL_WEIGHTS[0] * structure(raised, alpha, weight)
    for level_weight, plane in zip(LEVEL_WEIGHTS[1:], planes[1:], strict=True):
        stride = alpha.shape[-1] // plane.shape[-1]
        small = functional.avg_pool2d(alpha, stride)
        loss = loss + level_weight * structure(plane, small, functional.avg_pool2d(weight, stride))
    return loss + PRESENCE_WEIGHT * presence(logits.presence, alpha)


def presence(logits: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """The loss, a scalar, of the `logits` (N, 1, 1, 1) of whether `alpha` has a product; images without one have more
    weight.

    Generalised cross entropy (Zhang and Sabuncu 2018, arXiv 1805.07836): (1 − pᵠ) / q, where p is the probability of
    the truth.
    """
    present = (alpha.amax((1, 2, 3), keepdim=True) > 0.5).float()
    weight = present + ABSENCE_WEIGHT * (1.0 - present)
    truth = torch.exp(PRESENCE_Q * functional.logsigmoid((2.0 * present - 1.0) * logits))
    return (weight * (1.0 - truth) / PRESENCE_Q).mean()


def edge_weights(alpha: torch.Tensor) -> torch.Tensor:
    """The weight of each pixel of `alpha` (N, 1, S, S), from 1 far from edges to 5 at an isolated pixel.

    1 + 4·|box(alpha) − alpha| as in F3Net. Its box of 31 pixels at 352² is kept as a share of the side, so that all
    input sizes have the same weights.
    """
    reach = round(alpha.shape[-1] * EDGE_BOX) // 2
    around = functional.pad(alpha, (reach,) * 4, mode="reflect")
    for axis in (2, 3):
        around = _means(around, 2 * reach + 1, axis)
    return 1.0 + EDGE_WEIGHT * (around - alpha).abs()


def _means(values: torch.Tensor, width: int, axis: int) -> torch.Tensor:
    """Means of `width` neighbours along `axis`, as differences of a running sum, so that the cost does not depend on
    the width."""
    sums = functional.pad(values.cumsum(axis), (1, 0) if axis == 3 else (0, 0, 1, 0))
    count = sums.shape[axis] - width
    return (sums.narrow(axis, width, count) - sums.narrow(axis, 0, count)) / width


def structure(logits: torch.Tensor, alpha: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Weighted cross entropy plus one minus weighted soft IoU, averaged over the batch; all arguments (N, 1, H, W).

    The 1 that is added to both terms of the IoU makes an empty prediction for an empty scene free of loss.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, alpha, weight=weight, reduction="none")
    entropy = entropy.sum((1, 2, 3)) / weight.sum((1, 2, 3))
    said = torch.sigmoid(logits)
    shared = (said * alpha * weight).sum((1, 2, 3))
    either = ((said + alpha - said * alpha) * weight).sum((1, 2, 3))
    # Where the truth is soft, alpha times alpha is less than alpha, so a perfect matte has an IoU slightly below 1.
    return (entropy + 1.0 - (shared + 1.0) / (either + 1.0)).mean()
