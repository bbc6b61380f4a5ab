"""A photographer's studio: products on a ground that rises behind them, soft boxes or a hard light, and a camera."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from examples.render_models.materials import AS_IT_IS, Colour, dress, is_glass, material, patterned
from examples.render_models.models import Model, load, move, points

KINDS = {
    "plain": "one colour, soft boxes",
    "white": "white on white, soft boxes, contact shadows",
    "shaded": "one hard light and its shadow",
    "busy": "a patterned ground, with other things behind the product",
    "glass": "clear and tinted glass",
    "fine": "wire and fur",
}
_FINISHES: dict[str, Sequence[str]] = {
    "plain": (AS_IT_IS, AS_IT_IS, AS_IT_IS, "colour", "metal"),
    "white": ("white", "white", AS_IT_IS),
    "shaded": (AS_IT_IS, AS_IT_IS, "white", "colour", "metal"),
    "busy": (AS_IT_IS, AS_IT_IS, AS_IT_IS, "colour", "metal"),
    "glass": ("glass",),
    "fine": ("wire", "fur"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What stands in the studio: the objects of the product and of the backdrop, and the models of the product."""

    product: list[Any]
    backdrop: list[Any]
    names: tuple[str, ...]

    @property
    def has_glass(self) -> bool:
        """Whether light passes through a part of the product."""
        return any(is_glass(made) for one in self.product for made in one.data.materials)


def build(
    models: Sequence[Model], kind: str, rng: random.Random, size: tuple[int, int], skies: Sequence[Path]
) -> Scene:
    """Build a scene of one of `KINDS` in the empty scene. `skies` are environment images for busy scenes."""
    chosen = rng.sample(models, k=min(len(models), 1 if kind != "busy" and rng.random() < 0.7 else rng.randint(1, 3)))
    product = _arranged(chosen, kind, rng)
    backdrop = [_ground(kind, rng)]
    sky = rng.choice(skies) if skies and kind in ("busy", "glass") else None
    _light(kind, rng, sky)
    _camera(product, rng, size, deep=kind != "busy")
    if kind == "busy":
        backdrop += _behind(models, product, rng)
    return Scene(product=product, backdrop=backdrop, names=tuple(one.name for one in chosen))


def _arranged(chosen: Sequence[Model], kind: str, rng: random.Random) -> list[Any]:
    """The models side by side, each with a finish."""
    found, left = [], 0.0
    for model in chosen:
        thing = load(model)
        dress(thing, rng.choice(_FINISHES[kind]), rng)
        move(thing, turn=rng.uniform(0, 6.3), scale=1 if len(chosen) == 1 else rng.uniform(0.55, 1))
        low, high = points([thing]).min(0), points([thing]).max(0)
        move(thing, x=left - low[0], y=rng.uniform(-0.3, 0.3) if len(chosen) > 1 else 0, z=0.002 - low[2])
        left += (high[0] - low[0]) * rng.uniform(0.85, 1.1) + 0.03
        found.append(thing)
    middle = (points(found).min(0) + points(found).max(0)) / 2
    for thing in found:
        move(thing, x=-middle[0], y=-middle[1])
    return found


def _ground(kind: str, rng: random.Random) -> Any:
    """A wide floor that bends up into a wall, as one smooth surface."""
    deep = rng.uniform(1.2, 4)
    bend = [(deep + 1.2 * math.sin(a), 1.2 - 1.2 * math.cos(a)) for a in np.linspace(0, math.pi / 2, 24)]
    profile = [(-9.0, 0.0), *bend, (deep + 1.2, 12.0)]
    mesh = bpy.data.meshes.new("ground")
    strips = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(profile) - 1)]
    mesh.from_pydata([(x, y, z) for y, z in profile for x in (-14, 14)], [], strips)
    mesh.materials.append(patterned(rng) if kind == "busy" else material(_tone(kind, rng), rough=rng.uniform(0.3, 0.9)))
    mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
    return _linked(bpy.data.objects.new("ground", mesh))


def _tone(kind: str, rng: random.Random) -> Colour:
    level = rng.uniform(0.8, 0.93)
    if kind == "white" or rng.random() < 0.5:
        return (level, level, level)
    return (rng.uniform(0.15, 0.9), rng.uniform(0.15, 0.9), rng.uniform(0.15, 0.9))


def _light(kind: str, rng: random.Random, sky: Path | None) -> None:
    _world(rng.uniform(0.6, 1.2) if sky else rng.uniform(0.05, 0.3) if kind == "shaded" else rng.uniform(0.3, 1), sky)
    side = rng.choice([-1, 1])
    if kind == "shaded":
        place = (side * rng.uniform(1, 3), rng.uniform(-2, 1.5), rng.uniform(1.5, 3))
        _lamp(place, rng.uniform(0.05, 0.5), rng.uniform(120, 300))
        return
    soft = rng.uniform(0.8, 2.2)
    _lamp((side * rng.uniform(1.6, 2.6), -rng.uniform(0.5, 2), rng.uniform(1.4, 2.6)), soft, rng.uniform(50, 110))
    _lamp((-side * 2.2, -1.2, 1.4), 1.5, rng.uniform(8, 40))
    _lamp((0, 0.4, 3), 2.2, rng.uniform(20, 80))


def _lamp(place: tuple[float, float, float], side: float, watts: float) -> None:
    """A square light that looks at the product."""
    lamp = bpy.data.lights.new("lamp", "AREA")
    lamp.energy, lamp.size = watts, side
    there = _linked(bpy.data.objects.new("lamp", lamp))
    there.location = place
    there.rotation_euler = (Vector((0, 0, 0.3)) - Vector(place)).to_track_quat("-Z", "Y").to_euler()


def _world(strength: float, sky: Path | None) -> None:
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs[0].default_value, background.inputs[1].default_value = (1, 1, 1, 1), strength
    if sky is not None:
        image = world.node_tree.nodes.new("ShaderNodeTexEnvironment")
        image.image = bpy.data.images.load(str(sky))
        world.node_tree.links.new(image.outputs[0], background.inputs[0])


def _camera(product: list[Any], rng: random.Random, size: tuple[int, int], *, deep: bool) -> None:
    """A camera from which the product fills 55 to 92 % of the frame; not `deep`: with a shallow focus."""
    lens = bpy.data.cameras.new("camera")
    camera = _linked(bpy.data.objects.new("camera", lens))
    bpy.context.scene.camera = camera
    lens.lens = rng.choice([50, 70, 85, 100])
    corners = points(product)
    middle, around, up = (corners.min(0) + corners.max(0)) / 2, rng.uniform(-0.15, 0.15), math.radians(_elevation(rng))
    back = np.array([math.sin(around) * math.cos(up), -math.cos(around) * math.cos(up), math.sin(up)])
    turn = Vector(-back).to_track_quat("-Z", "Y")
    seen = (corners - middle) @ np.array(turn.to_matrix())
    away = _distance(seen, lens.lens / 18, size, rng.uniform(0.55, 0.92))
    camera.location, camera.rotation_euler = middle + back * away, turn.to_euler()
    if not deep:
        lens.dof.use_dof = True
        lens.dof.focus_distance = away - float(np.percentile(seen[:, 2], 80))
        lens.dof.aperture_fstop = rng.choice([1, 2, 4])


def _elevation(rng: random.Random) -> float:
    """Degrees above the ground: mostly low, sometimes from above."""
    return rng.choice([rng.uniform(4, 16), rng.uniform(12, 35), rng.uniform(12, 35), rng.uniform(55, 85)])


def _distance(seen: Any, zoom: float, size: tuple[int, int], fill: float) -> float:
    """The distance at which points in the camera's directions fill that share of the frame, by bisection."""
    width, height = size
    near, far = 0.2, 60.0
    for _ in range(40):
        here = (near + far) / 2
        depth = here - seen[:, 2]
        across = [seen[:, axis] / depth * zoom * max(size) / side for axis, side in ((0, width), (1, height))]
        too_near = depth.min() < 0.05 or max(float(np.abs(one).max()) for one in across) > fill
        near, far = (here, far) if too_near else (near, here)
    return far


def _behind(models: Sequence[Model], product: list[Any], rng: random.Random) -> list[Any]:
    """Other things behind the product; they are background."""
    last, found = points(product).max(0)[1], []
    for model in rng.choices(models, k=rng.randint(1, 4)):
        thing = load(model)
        move(thing, x=rng.uniform(-1.6, 1.6), y=last + rng.uniform(1, 2.2), turn=rng.uniform(0, 6.3))
        found.append(thing)
    return found


def _linked(thing: Any) -> Any:
    bpy.context.collection.objects.link(thing)
    return thing
