"""The second look: a small network that sees saliency and the difference of the image from its ground, and corrects
whole parts.

A network that looks for salient objects loses a white sole on off-white ground, although it differs from the ground by
more than the noise. The difference shows this, and the second look learns whether it is a product or its shadow (the
idea of Background Matting V2, Lin et al. 2021, arXiv 2012.07810, with the ground estimated instead of photographed).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from cutouts.training.second_look.ground import Estimate, Ground

SIZE = 256
"""The size of the image for the second look (px): enough for parts, not for edges."""
CHANNELS = 12
WIDTHS = (16, 32, 48, 64)
DARKEST = 0.03
"""Added to colours before their ratio is computed, because noise makes the ratio of dark colours arbitrary."""
CLIP = 1e-3
"""Saliency is used as a logit, after clipping at this distance from 0 and 1."""


def _unit(inner: int, outer: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inner, outer, 3, stride, dilation, dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outer), nn.ReLU6(inplace=True))


class SecondLook(nn.Module):  # type: ignore[misc]
    """Computes the change of the saliency's logit, (N, 1, 256, 256)."""

    def __init__(self) -> None:
        super().__init__()
        last = WIDTHS[-1]
        self.fine = _unit(CHANNELS, 12)
        self.downs = nn.ModuleList(_unit(a, b, stride=2) for a, b in zip((12, *WIDTHS[:-1]), WIDTHS, strict=True))
        self.wide = nn.ModuleList(_unit(last, last, dilation=dilation) for dilation in (1, 2, 4))
        self.whole = nn.Conv2d(last, last, 1)
        pairs = list(zip(WIDTHS[::-1], (*WIDTHS[-2::-1], 12), strict=True))
        self.steps = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in pairs)
        self.mixes = nn.ModuleList(_unit(b, b) for _, b in pairs)
        self.say = nn.Conv2d(12, 1, 3, padding=1)
        nn.init.zeros_(self.say.weight)
        nn.init.zeros_(self.say.bias)

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        """Map the result of `planes` to the change of the logit."""
        levels = [self.fine(seen)]
        for down in self.downs:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for wide in self.wide:
            x = x + wide(x)
        x = x + self.whole(x.mean((2, 3), keepdim=True))
        for step, mix in zip(self.steps, self.mixes, strict=True):
            raised = functional.interpolate(step(x), scale_factor=2.0, mode="nearest")
            x = mix(levels.pop() + raised)
        change: torch.Tensor = self.say(x)
        return change


def planes(image: torch.Tensor, saliency: torch.Tensor, ground: Ground) -> torch.Tensor:
    """The input of the second look, (N, 12, S, S), by channel: colours, logit, the signed root of the difference, its
    size relative to the noise, the darkness relative to the ground, the difference in hue (a shadow has the ground's
    hue), noise and trust."""
    off = image - ground.colour
    signed = torch.sign(off) * off.abs().sqrt()
    size = (off.square().mean(1, keepdim=True).sqrt() / (6 * ground.noise + 0.01)).clamp(max=2)
    ratio = torch.log((image + DARKEST) / (ground.colour.clamp(min=0) + DARKEST))
    darker = ratio.mean(1, keepdim=True)
    hue = (ratio - darker).abs().mean(1, keepdim=True)
    flat = torch.ones_like(saliency)
    logit = torch.logit(saliency, CLIP) * 0.2
    return torch.cat(
        [image * 2 - 1, logit, signed * 2, size, darker, hue * 4, flat * ground.noise * 20, flat * ground.trust], dim=1
    )


class Mending(nn.Module):  # type: ignore[misc]
    """Corrects saliency in the form in which it is served, if the ground can be trusted; otherwise it stays
    unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.estimate = Estimate()
        self.look = SecondLook()

    def forward(self, image: torch.Tensor, saliency: torch.Tensor) -> torch.Tensor:
        """Map RGB (N, 3, 256, 256) in 0..1 and saliency (N, 1, S, S), S a multiple of 256, to saliency (N, 1, S, S)."""
        small = functional.avg_pool2d(saliency, int(saliency.shape[2]) // SIZE)
        ground = self.estimate(image, small)
        change = self.look(planes(image, small, ground))
        change = functional.interpolate(change, size=saliency.shape[2:], mode="bilinear", align_corners=False)
        mended = torch.sigmoid(torch.logit(saliency, CLIP) + change)
        return saliency + ground.trust * (mended - saliency)
