"""What is rendered of a scene: the picture, and exactly which share of each pixel the product covers.

The picture is the scene as a camera sees it. For alpha, the set (ground, walls, things behind) is hidden from the
camera and from light that passed through glass, but still lights the product; the film is transparent. Cycles then
counts, per pixel, the light that reaches the film without meeting the product: alpha is 1 − its mean transmittance,
with the same lens, depth of field and pixel filter as the picture. Glass counts with what it does not let through. In
the second plane, the coverage, glass is opaque.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from PIL import Image

ALPHA_SAMPLES = 40


def set_up(width: int, height: int, threads: int) -> None:
    """An empty scene that Cycles renders on the CPU."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.cycles.max_bounces = scene.cycles.transmission_bounces = 16
    scene.cycles.diffuse_bounces = 2
    scene.cycles.caustics_reflective = False
    scene.cycles.sample_clamp_indirect = 6
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"


def picture(samples: int) -> Any:
    """The scene, denoised and exposed, uint8 (H, W, 3)."""
    _expose()
    return _rendered(samples, denoise=True)[..., :3]


def planes(backdrop: list[Any], *, glass: bool) -> tuple[Any, Any | None]:
    """Alpha and, if there is glass, coverage: uint8 (H, W). The objects in `backdrop` are not part of the product."""
    scene = bpy.context.scene
    for one in backdrop:
        one.visible_camera = one.visible_transmission = False
    scene.render.film_transparent = True
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.diffuse_bounces = 0
    scene.cycles.film_transparent_glass = glass
    alpha = _rendered(ALPHA_SAMPLES, denoise=False)[..., 3]
    scene.cycles.film_transparent_glass = False
    return alpha, _rendered(ALPHA_SAMPLES, denoise=False)[..., 3] if glass else None


def _expose() -> None:
    """Set the exposure so that the brighter half of the picture is nearly white: from a small dark preview."""
    scene = bpy.context.scene
    scene.view_settings.exposure = -4
    preview = _rendered(4, denoise=False, percent=12)[..., :3].mean(2) / 255
    bright = float(np.median(np.sort((preview**2.2).reshape(-1))[preview.size // 2 :]))
    scene.view_settings.exposure += float(np.log2(0.85**2.2 / max(5e-4, bright)))


def _rendered(samples: int, *, denoise: bool, percent: int = 100) -> Any:
    """One rendering, uint8 (H, W, 4)."""
    scene = bpy.context.scene
    scene.cycles.samples, scene.cycles.use_denoising = samples, denoise
    scene.render.resolution_percentage = percent
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "rendered.png")
        bpy.ops.render.render(write_still=True)
        return np.asarray(Image.open(scene.render.filepath).convert("RGBA"))
