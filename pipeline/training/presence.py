"""Whether there is a product at all, settled last: its weights are fitted anew while all else stands still.

In training, presence follows features that move at every step, and what it says of a scene it has never seen moves with
them: of two networks a few minutes apart, one takes a lamp for a product and one does not. On features that stand still
it is a logistic regression on a few hundred numbers: one optimum, and no step to be lucky at.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import torch

from pipeline.training import loss
from pipeline.training.cache import Albums
from pipeline.training.feed import Feed
from pipeline.training.network import Network, normalised, pooled
from pipeline.training.schedule import Leg

# Holds the weights to those that training found, in units of each feature's spread.
PULL = 1e-3
BATCH = 10
# No training step has this number, so these are fresh draws of the training's own distribution.
FIRST_STEP = 1 << 41


def settle(
    network: Network,
    albums: Albums,
    seed: int,
    images: int,
    size: int,
    on_images: Callable[[int], None] = lambda _: None,
) -> None:
    """Fit the presence of `network` on `images` fresh training images of `size` pixels a side, in place.

    The loss is the training's own (`loss.presence`); `on_images` hears of each batch how many images it had.
    """
    features, present = _features(network.eval(), albums, seed, images, size, on_images)
    middle, spread = features.mean(dim=0), features.std(dim=0) + 1e-3
    head = network.decoder.presence
    begun = head.weight.detach().double().flatten() * spread
    bias = head.bias.detach().double() + (begun * (middle / spread)).sum()
    weight, bias = _regressed((features - middle) / spread, present, begun, bias)
    with torch.no_grad():
        head.weight.copy_((weight / spread).reshape(head.weight.shape))
        head.bias.copy_(bias - (weight * (middle / spread)).sum())


def _regressed(
    features: torch.Tensor, present: torch.Tensor, begun: torch.Tensor, bias: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight (F,) and bias (1,) of least loss on `features` (N, F), the weight held to `begun` by `PULL`."""
    weight, bias = begun.clone().requires_grad_(), bias.clone().requires_grad_()
    search = torch.optim.LBFGS([weight, bias], max_iter=500, line_search_fn="strong_wolfe")

    def value() -> torch.Tensor:
        search.zero_grad()
        off = loss.presence(features @ weight + bias, present) + PULL * (weight - begun).square().sum()
        off.backward()
        return off

    search.step(value)
    return weight.detach(), bias.detach()


def _features(
    network: Network, albums: Albums, seed: int, images: int, size: int, on_images: Callable[[int], None]
) -> tuple[torch.Tensor, torch.Tensor]:
    """What presence is told of each image, float64 (N, F), and the largest alpha of each, (N,)."""
    features, largest, leg = [], [], Leg(until=1.0, size=size, batch=BATCH)
    with closing(Feed(albums, seed, FIRST_STEP)) as feed, torch.no_grad():
        for _ in range(0, images, BATCH):
            batch = feed.next(leg)
            planes = network.encoder(normalised(torch.from_numpy(batch.images)))
            features.append(pooled(network.decoder.coarsest(planes[-1])).flatten(1))
            largest.append(torch.from_numpy(batch.alphas).amax((1, 2, 3)))
            on_images(BATCH)
    return torch.cat(features).double(), torch.cat(largest).double()
