"""The list of samples, the simulated camera, and the files that are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats
from cutouts.samples.bag import shoulder_bag
from cutouts.samples.canvas import Layer, Size, Window, blur, grid, stack
from cutouts.samples.lathe import TILT
from cutouts.samples.light import Colour, footprint, shadow, sweep
from cutouts.samples.photographed import photographed
from cutouts.samples.table_scene import shelf
from cutouts.samples.turned_products import bottle, glass, mug, teapot, vase

DELIVERY = "studio-a"
"""The folder, and therefore the delivery, of all samples."""

JPEG_QUALITY = 92
BROKEN_SHARE = 0.4
"""The share of the broken file that is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """The scene before the camera: the backdrop with its shadows (sRGB H×W×3) and the product, or None."""

    backdrop: Floats
    product: Layer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A sample photograph: the stem of its file, what it demonstrates, and how it is drawn."""

    stem: str
    about: str
    draw: Callable[[], Shot]
    broken: bool = False


def write_samples(folder: Path) -> Path:
    """Write the photographs as `folder/DELIVERY/STEM.jpg`; return the folder of their known mattes beside it.

    The mattes are 8-bit grey PNGs, `FOLDER-truth/DELIVERY/STEM.png`; the broken file has none. The same bytes are
    written every time. Raises OSError if a file cannot be written.
    """
    truth = folder.with_name(f"{folder.name}-truth")
    for place in (folder / DELIVERY, truth / DELIVERY):
        place.mkdir(parents=True, exist_ok=True)
    for seed, sample in enumerate(SAMPLES):
        photograph, matte = photograph_of(sample.draw(), seed=seed)
        jpeg = _encode(".jpg", photograph[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        kept = int(len(jpeg) * BROKEN_SHARE) if sample.broken else len(jpeg)
        (folder / DELIVERY / f"{sample.stem}.jpg").write_bytes(jpeg[:kept])
        if not sample.broken:
            (truth / DELIVERY / f"{sample.stem}.png").write_bytes(_encode(".png", matte, []))
    return truth


def photograph_of(shot: Shot, *, seed: int) -> tuple[Bytes, Bytes]:
    """The photograph (uint8 H×W×3 sRGB) and its exact matte (uint8 H×W), both through the same lens.

    The lens blurs the matte and the premultiplied colours equally, so the blend stays exact at every pixel.
    """
    rgb, matte = shot.backdrop, np.zeros(shot.backdrop.shape[:2], np.float32)
    if shot.product is not None:
        matte = blur(shot.product.alpha, LENS)
        front = blur(shot.product.rgb * shot.product.alpha[..., None], LENS)
        rgb = front + rgb * (1 - matte[..., None])
    rng = np.random.default_rng(1000 + seed)
    sensor = rng.standard_normal(rgb.shape, np.float32) * (0.006 + 0.006 * np.sqrt(np.clip(1 - rgb, 0, 1)))
    exposed = np.clip((rgb + sensor) * _vignette(rgb), 0, 1)
    return np.round(exposed * 255).astype(np.uint8), np.round(np.clip(matte, 0, 1) * 255).astype(np.uint8)


LENS = 0.7
"""Blur of the lens, sigma in px."""


def _vignette(rgb: Floats) -> Floats:
    height, width = rgb.shape[:2]
    x, y = grid(Window.whole((width, height)))
    away = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2)[..., None]
    return np.asarray(1 - 0.12 * away, np.float32)


def _encode(suffix: str, picture: Bytes, options: list[int]) -> bytes:
    written, data = cv2.imencode(suffix, picture, options)
    if not written:
        raise OSError(f"a sample cannot be encoded as {suffix}")
    return bytes(data)


def _on_sweep(product: Layer, size: Size, *, colour: Colour, foot: tuple[float, float, float], dark: float) -> Shot:
    """`product` standing on a studio sweep; `foot` is its centre, floor and radius in px."""
    left = shadow(size, foot=footprint(*foot, TILT), strength=dark, reach=foot[2])
    ground = sweep(size, colour=colour, horizon=foot[1] - 0.22 * size[1], seed=size[0])
    return Shot(backdrop=(ground * left[..., None]).astype(np.float32), product=product)


def _packshot() -> Shot:
    size = (1200, 1500)
    product = bottle(size, 600, 1360, 1210)
    return _on_sweep(product, size, colour=(0.93, 0.93, 0.94), foot=(600, 1360, 192), dark=0.5)


def _hole() -> Shot:
    size = (1400, 1200)
    product = mug(size, 610, 1010, 760)
    return _on_sweep(product, size, colour=(0.80, 0.85, 0.88), foot=(610, 1010, 290), dark=0.5)


def _straps() -> Shot:
    size = (1300, 1500)
    product = shoulder_bag(size, seed=3)
    return _on_sweep(product, size, colour=(0.90, 0.88, 0.85), foot=(650, 1338, 330), dark=0.45)


def _glass() -> Shot:
    size = (1200, 1400)
    product = glass(size, 600, 1210, 980, seed=4)
    return _on_sweep(product, size, colour=(0.70, 0.76, 0.80), foot=(600, 1210, 205), dark=0.4)


def _white() -> Shot:
    size = (1200, 1500)
    product = vase(size, 600, 1320, 1120)
    return _on_sweep(product, size, colour=(0.975, 0.975, 0.97), foot=(600, 1320, 150), dark=0.22)


def _busy() -> Shot:
    size = (1500, 1200)
    product = teapot(size, 770, 1030, 700)
    scene = shelf(size, table=800, seed=6)
    left = shadow(size, foot=footprint(770, 1030, 230, TILT), strength=0.6, reach=230)
    return Shot(backdrop=(scene * left[..., None]).astype(np.float32), product=product)


def _torch() -> Shot:
    size = (1300, 1000)
    product = stack(size, [photographed("torch", left=160, bottom=830, width=980)])
    return Shot(backdrop=sweep(size, colour=(0.97, 0.97, 0.97), horizon=2000, seed=8), product=product)


def _poles() -> Shot:
    size = (1200, 1400)
    product = stack(size, [photographed("trekking-poles", left=120, bottom=1270, width=960)])
    return Shot(backdrop=sweep(size, colour=(0.86, 0.88, 0.90), horizon=2800, seed=9), product=product)


def _tin() -> Shot:
    size = (1200, 1500)
    product = stack(size, [photographed("tea-tin", left=370, bottom=1420, width=480)])
    return _on_sweep(product, size, colour=(0.94, 0.93, 0.91), foot=(600, 1350, 200), dark=0.4)


def _empty() -> Shot:
    size = (1500, 1200)
    return Shot(backdrop=sweep(size, colour=(0.86, 0.87, 0.88), horizon=800, seed=7), product=None)


def _broken() -> Shot:
    size = (1200, 1200)
    product = mug(size, 540, 1000, 620)
    return _on_sweep(product, size, colour=(0.88, 0.86, 0.82), foot=(540, 1000, 235), dark=0.5)


SAMPLES = (
    Sample(stem="bottle-packshot", about="a plain packshot", draw=_packshot),
    Sample(stem="mug-with-a-hole", about="a product with a hole", draw=_hole),
    Sample(stem="bag-on-fine-straps", about="fine straps", draw=_straps),
    Sample(stem="glass-of-juice", about="glass", draw=_glass),
    Sample(stem="vase-white-on-white", about="white on white", draw=_white),
    Sample(stem="teapot-in-a-busy-scene", about="a busy scene", draw=_busy),
    Sample(stem="torch-photograph", about="a photograph: metal on white", draw=_torch),
    Sample(stem="trekking-poles-photograph", about="a photograph: thin parts and loops", draw=_poles),
    Sample(stem="tea-tin-photograph", about="a photograph: a tin with its shadow", draw=_tin),
    Sample(stem="empty-studio", about="no product at all", draw=_empty),
    Sample(stem="mug-broken-file", about="a broken file", draw=_broken, broken=True),
)
"""The samples that the demo cuts out."""
