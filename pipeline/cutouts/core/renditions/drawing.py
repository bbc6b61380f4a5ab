"""Draws renditions: cut first and shrunk afterwards, in linear light, on a transparent, plain or pictured ground."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cutouts.core.channels.figures import SAME_GROUND
from cutouts.core.matting.cutout import cutout
from cutouts.core.pixels import Bytes, Floats, Photograph
from cutouts.core.renditions.light import SRGB, Curve, resized_alpha, resized_light, straight, to_levels, to_light
from cutouts.core.renditions.placing import Box, Placement, place, product_box
from cutouts.core.renditions.rendition import Colour, Rendition
from cutouts.core.renditions.shadows import contact_shadow, kept_shadow


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """What renditions are drawn of: a cutout, uint8 H×W×4 with straight alpha, and its photograph if that is known.

    `curve` is the tone curve of their colours.
    """

    rgba: Bytes
    photograph: Photograph | None = None
    curve: Curve = SRGB

    @classmethod
    def of(cls, photograph: Photograph, matte: Bytes, curve: Curve = SRGB) -> Subject:
        """The product of a photograph with its matte, uint8 H×W. Renditions of one subject share its cutout."""
        return cls(rgba=cutout(photograph, matte), photograph=photograph, curve=curve)

    @property
    def alpha(self) -> Bytes:
        """uint8 H×W."""
        return np.ascontiguousarray(self.rgba[..., 3])

    def recoloured(self, rgb: Bytes, curve: Curve) -> Subject:
        """This cutout with the colours `rgb`, uint8 H×W×3, which have this curve."""
        return Subject(rgba=np.dstack([rgb, self.rgba[..., 3]]), photograph=self.photograph, curve=curve)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A drawn rendition: `pixels` uint8 H×W×3, or H×W×4 with straight alpha, and where the product was placed."""

    pixels: Bytes
    placement: Placement
    notes: tuple[str, ...] = ()


def draw(subject: Subject, rendition: Rendition, ground_image: Bytes | None = None) -> Picture | None:
    """The pixels of a rendition; None if nothing of the subject is visible.

    `ground_image`, uint8 H×W×3, covers the ground if the rendition has one.
    """
    box = product_box(subject.alpha)
    if box is None:
        return None
    if rendition.frame == "photograph":
        height, width = subject.rgba.shape[:2]
        box = Box(left=0, top=0, width=width, height=height)
    placement = place(box, rendition)
    shadow, notes = _shadow(subject, rendition, placement)
    part, curve = np.ascontiguousarray(subject.rgba[box.area]), subject.curve
    if rendition.is_transparent:
        pixels = _transparent(part, placement, shadow, curve)
    elif ground_image is not None:
        pixels = _on_picture(part, placement, shadow, ground_image, curve)
    else:
        pixels = _on_colour(part, placement, shadow, rendition.ground or (255, 255, 255), curve)
        if rendition.exact_white:
            pixels = _without_faint(pixels, part, placement)
    return Picture(pixels=pixels, placement=placement, notes=(*placement.notes, *notes))


def composed(rgba: Bytes, ground: Colour | Bytes) -> Bytes:
    """`rgba` on a colour or on a picture of its size, uint8 H×W×3, as browsers compose it; α = 255 and α = 0 give
    exactly the two colours."""
    alpha = rgba[..., 3:].astype(np.uint32)
    mixed = rgba[..., :3] * alpha + np.asarray(ground, np.uint32) * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _shadow(subject: Subject, rendition: Rendition, placement: Placement) -> tuple[Floats | None, tuple[str, ...]]:
    """The shadow layer of the frame, if there is one, and why there is none."""
    if rendition.shadow == "contact":
        if _is_cut_below(subject.alpha):
            return None, ("no shadow is drawn below the product, because the photograph cuts it off at the bottom",)
        alpha = np.zeros((placement.height_px, placement.width_px), np.float32)
        target = placement.target
        alpha[target.area] = resized_alpha(subject.alpha[placement.source.area], target.width, target.height)
        return contact_shadow(alpha, rendition.shadow_opacity), ()
    if rendition.shadow == "none":
        return None, ()
    if subject.photograph is None:
        return None, ("its shadow cannot be kept without the photograph",)
    shadow = kept_shadow(subject.photograph, subject.alpha, placement, subject.curve)
    return shadow, () if shadow is not None else ("its shadow is not kept, because its ground is not plain",)


def _is_cut_below(alpha: Bytes) -> bool:
    """Whether the last row of a photograph shows the product. A cutout that was trimmed to its product is not cut."""
    box = product_box(alpha)
    trimmed = box is not None and (box.height, box.width) == alpha.shape
    return not trimmed and bool((alpha[-1] > 127).any())


def _transparent(part: Bytes, placement: Placement, shadow: Floats | None, curve: Curve) -> Bytes:
    target = placement.target
    pixels = np.zeros((placement.height_px, placement.width_px, 4), np.uint8)
    same = (part.shape[1], part.shape[0]) == (target.width, target.height)
    pixels[target.area] = part if same else straight(resized_light(part, target.width, target.height, curve), curve)
    return pixels if shadow is None else _with_shadow(pixels, shadow, curve)


def _with_shadow(rgba: Bytes, shadow: Floats, curve: Curve) -> Bytes:
    """`rgba` over black with the alpha that darkens white as the shadow does in linear light."""
    dark = np.float32(1) - to_levels(1 - shadow, curve).astype(np.float32) / np.float32(255)
    own = rgba[..., 3].astype(np.float32) / np.float32(255)
    whole = own + (1 - own) * dark
    colour = rgba[..., :3] * (own / np.maximum(whole, np.float32(1e-6)))[..., None]
    both = np.concatenate([colour, whole[..., None] * 255], axis=2).round().astype(np.uint8)
    return np.where((shadow > 0)[..., None], both, rgba)


def _on_colour(part: Bytes, placement: Placement, shadow: Floats | None, colour: Colour, curve: Curve) -> Bytes:
    """The cutout composed at its own size, as its matte was made, and then shrunk in linear light.

    It is composed on the ground with its shadow. Darkened afterwards, a soft pixel would keep light of the bright
    ground, and a pale rim would separate the product from its shadow.
    """
    target = placement.target
    pixels = np.full((placement.height_px, placement.width_px, 3), colour, np.uint8)
    if shadow is None:
        pixels[target.area] = _shrunk(composed(part, colour), target, curve)
        return pixels
    pixels = to_levels(to_light(pixels, curve) * (1 - shadow)[..., None], curve)
    ground = pixels[target.area]
    behind = np.asarray(cv2.resize(ground, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR), np.uint8)
    alpha = resized_alpha(np.ascontiguousarray(part[..., 3]), target.width, target.height)
    pixels[target.area] = np.where((alpha > 0)[..., None], _shrunk(composed(part, behind), target, curve), ground)
    return pixels


def _shrunk(whole: Bytes, target: Box, curve: Curve) -> Bytes:
    same = (whole.shape[1], whole.shape[0]) == (target.width, target.height)
    return whole if same else to_levels(resized_light(whole, target.width, target.height, curve), curve)


def _without_faint(pixels: Bytes, part: Bytes, placement: Placement) -> Bytes:
    """`pixels` on white, in which soft pixels that nobody can tell from white are white. Opaque pixels stay."""
    target = placement.target
    alpha = resized_alpha(np.ascontiguousarray(part[..., 3]), target.width, target.height)
    inside = pixels[target.area]
    faint = (inside.min(axis=2) >= 255 - SAME_GROUND) & (alpha < 1)
    pixels[target.area] = np.where(faint[..., None], np.uint8(255), inside)
    return pixels


def _on_picture(part: Bytes, placement: Placement, shadow: Floats | None, image: Bytes, curve: Curve) -> Bytes:
    """The cutout on a picture that covers the frame, composed in linear light after both have their size."""
    ground = _covering(image, placement.width_px, placement.height_px, curve)
    if shadow is not None:
        ground = to_levels(to_light(ground, curve) * (1 - shadow)[..., None], curve)
    target = placement.target
    light = resized_light(part, target.width, target.height, curve)
    behind = to_light(ground[target.area], curve) * (1 - light[..., 3:])
    mixed = to_levels(light[..., :3] + behind, curve)
    ground[target.area] = np.where(light[..., 3:] > 0, mixed, ground[target.area])
    return ground


def _covering(image: Bytes, width: int, height: int, curve: Curve) -> Bytes:
    """The middle of `image`, uint8 H×W×3, that covers `width`×`height` px, at that size."""
    scale = max(width / image.shape[1], height / image.shape[0])
    across, down = min(image.shape[1], round(width / scale)), min(image.shape[0], round(height / scale))
    left, top = (image.shape[1] - across) // 2, (image.shape[0] - down) // 2
    part = np.ascontiguousarray(image[top : top + max(1, down), left : left + max(1, across)])
    if (part.shape[1], part.shape[0]) == (width, height):
        return np.array(part)
    return to_levels(resized_light(part, width, height, curve), curve)
