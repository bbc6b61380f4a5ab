"""Draws garments lying flat: shirts, trousers and dresses of plain, striped, checked, spotted, dark or printed cloth.

Sellers photograph clothes on floors and beds, but none of the training sources shows this. A network that has not seen
such pictures makes holes in dark or patterned cloth, and keeps the floor between trouser legs. The drawings teach that
a closed outline is solid whatever is printed on it, and that gaps are background.
"""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats
from cutouts.training.data.cache import Dataset
from cutouts.training.drawing.cloth import cloth, cloth_colour, folded, smooth_noise

Outline = list[tuple[float, float]]


def garment(rng: np.random.Generator, prints: Dataset, size: int) -> Bytes:
    """One garment, about `size` pixels high, uint8 (H, W, 4), premultiplied; `prints` are pictures to print on it."""
    alpha = _silhouette(rng, size)
    height, width = alpha.shape
    front = cloth(rng, height, width)
    if rng.random() < 0.3:
        front = _printed(rng, front, prints)
    light = folded(rng, height, width) * _seams(rng, alpha)
    colours = np.clip(front * light[..., None], 0, 255) * (alpha[..., None].astype(np.float32) / 255)
    return np.dstack([colours.astype(np.uint8), alpha])


def _silhouette(rng: np.random.Generator, size: int) -> Bytes:
    """The filled outline of a garment, crumpled and smoothed, uint8 (H, W)."""
    half = (_top, _trousers, _dress)[int(rng.choice(3, p=(0.5, 0.35, 0.15)))](rng)
    points = np.array(half + [(-x, y) for x, y in reversed(half)], np.float32)
    points += rng.normal(0, 0.012, points.shape).astype(np.float32)
    room = 0.06
    low, high = points.min(axis=0) - room, points.max(axis=0) + room
    scale = size / float(high[1] - low[1])
    width, height = (int(side) for side in np.ceil((high - low) * scale))
    plane = np.zeros((height, width), np.uint8)
    cv2.fillPoly(plane, [np.rint((points - low) * scale * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(_crumpled(rng, plane), (0, 0), size * rng.uniform(0.004, 0.012))
    # Rounds the corners of the outline; the ramp leaves an edge of about a pixel and a half.
    return np.asarray(np.clip((soft.astype(np.float32) - 127.5) * (size * 0.02) + 127.5, 0, 255), np.uint8)


def _top(rng: np.random.Generator) -> Outline:
    """The right half of a shirt, jumper or vest, from the middle of the neck to the middle of the hem."""
    shoulder, hem = rng.uniform(0.26, 0.36), rng.uniform(0.26, 0.42)
    neck, length = rng.uniform(0.09, 0.16), rng.uniform(0.8, 1.15)
    drop, sleeve, angle = rng.uniform(0.02, 0.2), rng.uniform(0.0, 0.75), rng.uniform(0.1, 1.4)
    cuff = rng.uniform(0.07, 0.17)
    reach = np.array([np.cos(angle), np.sin(angle)]) * sleeve
    across = np.array([-np.sin(angle), np.cos(angle)]) * cuff
    end = np.array([shoulder, 0.07]) + reach
    inner = end + across
    armpit = (min(hem, shoulder) * 0.95, 0.07 + rng.uniform(0.2, 0.3))
    arm = [tuple(end), tuple(inner)] if sleeve > 0.12 else []
    return [(0.0, drop), (neck, 0.0), (shoulder, 0.07), *arm, armpit, (hem, length), (0.0, length)]


def _trousers(rng: np.random.Generator) -> Outline:
    """The right half of trousers or shorts, from the middle of the waist to the crotch."""
    waist, hip = rng.uniform(0.16, 0.24), rng.uniform(0.2, 0.3)
    rise, length = rng.uniform(0.28, 0.42), rng.uniform(0.6, 1.4)
    spread, ankle = rng.uniform(0.0, 0.25), rng.uniform(0.08, 0.22)
    inner = 0.015 + spread
    return [(0.0, 0.0), (waist, 0.0), (hip, rise * 0.7), (inner + ankle, length), (inner, length), (0.0, rise)]


def _dress(rng: np.random.Generator) -> Outline:
    """The right half of a dress or skirt, with straps or without."""
    bust, waist, hem = rng.uniform(0.2, 0.28), rng.uniform(0.15, 0.24), rng.uniform(0.25, 0.55)
    length, top = rng.uniform(0.9, 1.5), rng.uniform(0.1, 0.2)
    straps = [(0.0, 0.25), (0.11, top), (0.12, 0.0), (0.15, 0.0), (0.17, top)] if rng.random() < 0.7 else [(0.0, top)]
    return [*straps, (bust, top + 0.12), (waist, 0.45), (hem, length), (0.0, length + rng.uniform(0, 0.06))]


def _crumpled(rng: np.random.Generator, plane: Bytes) -> Bytes:
    """`plane` with its outline distorted like lying cloth, uint8 (H, W)."""
    height, width = plane.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for cells, share in ((4, 0.018), (11, 0.006)):
        reach = np.float32(height * share * rng.uniform(0.2, 1.0))
        x += smooth_noise(rng, height, width, cells) * reach
        y += smooth_noise(rng, height, width, cells) * reach
    return np.asarray(cv2.remap(plane, x, y, cv2.INTER_LINEAR), np.uint8)


def _printed(rng: np.random.Generator, front: Floats, prints: Dataset) -> Floats:
    """`front` with a picture, or only the picture's dark parts as a logo, on its upper part, float32 (H, W, 3)."""
    height, width = front.shape[:2]
    rows, columns = int(height * rng.uniform(0.1, 0.4)), int(width * rng.uniform(0.2, 0.5))
    top, left = int(height * rng.uniform(0.15, 0.35)), int((width - columns) * rng.uniform(0.35, 0.65))
    picture = prints[int(rng.integers(len(prints)))]
    picture = cv2.resize(picture[..., :3], (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    share: Floats | float = 1.0
    if rng.random() < 0.5:
        share = (picture.mean(axis=2, keepdims=True) < rng.uniform(60, 160)).astype(np.float32)
        picture = np.broadcast_to(cloth_colour(rng), picture.shape)
    spot = front[top : top + rows, left : left + columns]
    spot += share * (picture - spot)
    return front


def _seams(rng: np.random.Generator, alpha: Bytes) -> Floats:
    """The light of seams, float32 (H, W): darker lines inside the outline and down the middle, and darker cloth at the
    edge."""
    inside = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 3)
    height, width = alpha.shape
    light = 1.0 - np.float32(rng.uniform(0, 0.35)) * np.exp(-inside / np.float32(height * rng.uniform(0.004, 0.02)))
    depth, thick = np.float32(rng.uniform(0, 0.4)), max(1, height // 250)
    hem = np.abs(inside - height * rng.uniform(0.012, 0.03)) < thick * 0.6
    light -= depth * hem
    if rng.random() < 0.4:
        middle = int(width * rng.uniform(0.47, 0.53))
        light[:, middle : middle + thick] -= depth
    return np.asarray(light, np.float32)
