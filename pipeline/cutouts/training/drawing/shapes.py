"""Draws products that show only their shape: one smooth material in an outline, at most with a logo on it.

Moulded plastic, rubber and lacquer show neither texture nor print, and dark ones show no light either. The training
sources have few such outlines, so a network finds nothing when it sees a new one, large and black on white. Photographs
with masks provide thousands of outlines; slabs and tools, which are missing there, are drawn.
"""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats
from cutouts.training.data.cache import Dataset
from cutouts.training.drawing.scenes import shaded, studio_colour

Sides = tuple[bool, bool, bool, bool]
WHOLE: Sides = (False, False, False, False)

SLAB_SHARE = 0.25
# A spatula is as thin and dark as a lamp's boom, but it is complete and nothing holds it.
TOOL_SHARE = 0.2
# A logo is not a hole: without prints in the training, the network treated logos as holes.
PRINTED_SHARE = 0.6
# A network loses thin parts first.
STRAPPED_SHARE = 0.3
# A subject smaller than this (px per side) has too little outline; after `DRAWS` draws, any subject is used.
SMALLEST = 32
DRAWS = 8


def shape(rng: np.random.Generator, subjects: Dataset, size: int) -> tuple[Bytes, Sides]:
    """A product, uint8 (H, W, 4), premultiplied, and the frame sides that cut it.

    Its longer side has `size` pixels; straps rise above that.
    """
    mask, sides = _silhouette(rng, subjects)
    scale = size / max(mask.shape)
    height, width = (max(8, round(side * scale)) for side in mask.shape)
    alpha = _smooth(rng, cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR))
    if not sides[0] and rng.random() < STRAPPED_SHARE:
        alpha = _strapped(rng, alpha)
    front = shaded(rng, _material(rng), *alpha.shape)
    if rng.random() < PRINTED_SHARE:
        _print(rng, front, subjects)
    colours = front * (alpha[..., None].astype(np.float32) / 255)
    return np.dstack([colours.astype(np.uint8), alpha]), sides


def _silhouette(rng: np.random.Generator, subjects: Dataset) -> tuple[Bytes, Sides]:
    """A slab, a tool or the outline of a subject, uint8 (H, W), and the frame sides that cut it."""
    kind = rng.random()
    if kind < SLAB_SHARE:
        return _slab(rng), WHOLE
    return (_tool(rng), WHOLE) if kind < SLAB_SHARE + TOOL_SHARE else _outline(rng, subjects)


def _outline(rng: np.random.Generator, subjects: Dataset) -> tuple[Bytes, Sides]:
    """The mask of a photograph's subject, cropped to it, uint8 (H, W), and the frame sides that cut it."""
    for _ in range(DRAWS):
        mask = subjects[int(rng.integers(len(subjects)))][..., 3]
        left, top, width, height = cv2.boundingRect((mask > 127).astype(np.uint8))
        if min(width, height) >= SMALLEST:
            break
    part = mask[top : top + height, left : left + width] if width else mask
    cut = (top == 0, top + height == mask.shape[0], left == 0, left + width == mask.shape[1])
    if rng.random() < 0.5:
        return np.ascontiguousarray(part[:, ::-1]), (cut[0], cut[1], cut[3], cut[2])
    return np.ascontiguousarray(part), cut


def _strapped(rng: np.random.Generator, alpha: Bytes) -> Bytes:
    """`alpha` with one or two thin straps that rise from its upper edge and return to it, uint8 (H + rise, W)."""
    height, width = alpha.shape
    rise = round(height * rng.uniform(0.2, 0.9))
    out = np.vstack([np.zeros((rise, width), np.uint8), alpha])
    feet = [round(width * rng.uniform(*where)) for where in ((0.1, 0.4), (0.6, 0.9))]
    along = np.linspace(0, 1, 32)
    foot = rise + np.interp(along, (0, 1), [int((alpha[:, column] > 127).argmax()) for column in feet])
    wide = max(2, round(max(out.shape) * rng.uniform(0.005, 0.02)))
    for _ in range(int(rng.integers(1, 3))):
        arch = (4 * along * (1 - along)) ** rng.uniform(0.5, 1.0) * (rise - wide) * rng.uniform(0.8, 1.0)
        curve = np.stack([np.interp(along, (0, 1), feet), foot - arch + wide], axis=1)
        cv2.polylines(
            out, [np.rint(curve).astype(np.int32)], isClosed=False, color=255, thickness=wide, lineType=cv2.LINE_AA
        )
    return out


def _print(rng: np.random.Generator, front: Bytes, subjects: Dataset) -> None:
    """Print another outline on `front` (H, W, 3) in one colour, mostly a colour of studio backdrops."""
    height, width = front.shape[:2]
    logo, _ = _silhouette(rng, subjects)
    scale = min(height, width) * rng.uniform(0.15, 0.6) / max(logo.shape)
    rows, columns = (max(4, round(side * scale)) for side in logo.shape)
    share = cv2.resize(logo, (columns, rows), interpolation=cv2.INTER_AREA)[..., None].astype(np.float32) / 255
    top, left = int((height - rows) * rng.uniform(0.2, 0.8)), int((width - columns) * rng.uniform(0.2, 0.8))
    spot = front[top : top + rows, left : left + columns]
    colour = studio_colour(rng) if rng.random() < 0.7 else _material(rng)
    spot[:] = np.rint(spot + share * (colour - spot)).astype(np.uint8)


def _slab(rng: np.random.Generator) -> Bytes:
    """A box, book, board or screen, seen from any point in front of it, uint8 (H, W)."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32) * (1.0, rng.uniform(0.3, 1.0))
    corners += rng.normal(0, rng.choice((0.0, 0.04, 0.12)), corners.shape)
    turn = rng.choice((0.0, np.pi / 2, rng.uniform(0, np.pi)))
    corners = corners @ np.array([(np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))])
    points = np.rint((corners - corners.min(axis=0)) * 160).astype(np.int32)
    width, height = points.max(axis=0) + 1
    return np.asarray(cv2.fillPoly(np.zeros((height, width), np.uint8), [points], 255), np.uint8)


def _tool(rng: np.random.Generator) -> Bytes:
    """A long handle with a spoon's bowl, a blade or a brush at its end, at any angle, uint8 (H, W)."""
    mask = np.zeros((520, 520), np.uint8)
    middle, neck, end = 260, round(rng.uniform(160, 280)), 480
    cv2.line(mask, (middle, neck - 20), (middle, end), 255, round(rng.uniform(10, 24)))
    cv2.line(mask, (middle, round(rng.uniform(neck + 40, end - 60))), (middle, end), 255, round(rng.uniform(14, 40)))
    _bowl(rng, mask, middle, neck)
    turn = cv2.getRotationMatrix2D((middle, middle), rng.choice((0.0, 90.0, rng.uniform(0, 360))), 1.0)
    turned = cv2.warpAffine(mask, turn, mask.shape)
    left, top, width, height = cv2.boundingRect(turned)
    return np.ascontiguousarray(turned[top : top + height, left : left + width])


def _bowl(rng: np.random.Generator, mask: Bytes, middle: int, neck: int) -> None:
    """Draw an ellipse or a blade on `mask` from row 40 to `neck`; half of the wide ones have slots."""
    half, narrow = (neck - 40) / 2, rng.uniform(12, 70)
    if rng.random() < 0.5:
        cv2.ellipse(mask, (middle, round(40 + half)), (round(narrow), round(half)), 0, 0, 360, 255, -1)
    else:
        taper = narrow * rng.uniform(0.3, 1.2)
        blade = [(middle - narrow, 40), (middle + narrow, 40), (middle + taper, neck), (middle - taper, neck)]
        cv2.fillPoly(mask, [np.rint(np.array(blade)).astype(np.int32)], 255)
    if narrow > 30 and rng.random() < 0.5:
        for aside in np.linspace(-0.5, 0.5, int(rng.integers(2, 5))) * narrow:
            at = round(middle + aside)
            cv2.line(mask, (at, round(40 + 0.6 * half)), (at, round(40 + 1.4 * half)), 0, 6)


def _smooth(rng: np.random.Generator, mask: Bytes) -> Bytes:
    """`mask` with a smooth outline and an edge of about two pixels, uint8 (H, W)."""
    side = max(mask.shape)
    soft = cv2.GaussianBlur(mask, (0, 0), side * rng.uniform(0.003, 0.01), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip((soft.astype(np.float32) - 127.5) * (side * 0.015) + 127.5, 0, 255), np.uint8)


def _material(rng: np.random.Generator) -> Floats:
    """A colour, float32 RGB: mostly black or nearly black, otherwise grey or any colour."""
    kind = rng.random()
    if kind < 0.6:
        return np.asarray(np.clip(rng.uniform(0, 55) + rng.normal(0, 3, 3), 0, 255), np.float32)
    if kind < 0.8:
        return np.full(3, rng.uniform(55, 230), np.float32)
    return rng.uniform(0, 255, 3).astype(np.float32)
