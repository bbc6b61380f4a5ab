"""Materials and finishes: what a product is made of, and what it stands on."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import bpy
import numpy as np

Colour = tuple[float, float, float]

WHITES: Sequence[Colour] = ((1, 1, 1), (1, 1, 1), (1, 0.985, 0.95), (0.97, 0.985, 1))
COLOURS: Sequence[Colour] = (
    (0.02, 0.02, 0.022),
    (0.35, 0.35, 0.35),
    (0.5, 0.03, 0.03),
    (0.03, 0.06, 0.25),
    (0.1, 0.25, 0.12),
    (0.6, 0.45, 0.25),
    (0.75, 0.5, 0.05),
    (0.55, 0.3, 0.35),
)
METALS: Sequence[Colour] = ((0.8, 0.8, 0.8), (0.95, 0.7, 0.35), (0.6, 0.6, 0.62))
TINTS: Sequence[Colour] = ((1, 1, 1), (1, 1, 1), (0.8, 0.93, 0.88), (0.95, 0.8, 0.6), (0.6, 0.75, 0.95))


def material(colour: Colour, *, rough: float, metal: float = 0, clear: float = 0, bump: float = 0) -> Any:
    """A surface: linear RGB, roughness, metal and transmission in 0..1, and the strength of a fine grain."""
    made = bpy.data.materials.new("made")
    made.use_nodes = True
    tree = made.node_tree
    surface = tree.nodes["Principled BSDF"]
    for name, value in (
        ("Base Color", (*colour, 1)),
        ("Roughness", rough),
        ("Metallic", metal),
        ("Transmission Weight", clear),
    ):
        surface.inputs[name].default_value = value
    if bump:
        noise, relief = tree.nodes.new("ShaderNodeTexNoise"), tree.nodes.new("ShaderNodeBump")
        noise.inputs["Scale"].default_value = 200
        relief.inputs["Strength"].default_value = bump
        relief.inputs["Distance"].default_value = 0.01
        tree.links.new(noise.outputs[0], relief.inputs["Height"])
        tree.links.new(relief.outputs[0], surface.inputs["Normal"])
    return made


def is_glass(made: Any) -> bool:
    """Whether light passes through a material."""
    return any(
        node.type == "BSDF_PRINCIPLED" and node.inputs["Transmission Weight"].default_value > 0.05
        for node in (made.node_tree.nodes if made and made.use_nodes else ())
    )


def dress(thing: Any, finish: str, rng: random.Random) -> None:
    """Give a model one of `FINISHES`. `as it is` changes nothing."""
    if finish != AS_IT_IS:
        FINISHES[finish](thing, rng)


def patterned(rng: random.Random) -> Any:
    """A ground that is not plain: bricks, waves or clouds in two colours."""
    made = material((0.5, 0.5, 0.5), rough=rng.uniform(0.2, 0.8))
    tree = made.node_tree
    new, link = tree.nodes.new, tree.links.new
    texture = new(rng.choice(["ShaderNodeTexBrick", "ShaderNodeTexWave", "ShaderNodeTexNoise"]))
    texture.inputs["Scale"].default_value = rng.uniform(1, 6)
    place, turn, ramp = new("ShaderNodeTexCoord"), new("ShaderNodeMapping"), new("ShaderNodeValToRGB")
    turn.inputs["Rotation"].default_value[2] = rng.uniform(0, 6.3)
    for element in ramp.color_ramp.elements:
        element.color = (*(rng.uniform(0.03, 0.8) for _ in "rgb"), 1)
    ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.4, 0.62
    link(place.outputs["Object"], turn.inputs[0])
    link(turn.outputs[0], texture.inputs["Vector"])
    link(texture.outputs[0], ramp.inputs[0])
    link(ramp.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return made


def _cover(thing: Any, made: Any) -> None:
    thing.data.materials.clear()
    thing.data.materials.append(made)
    thing.data.polygons.foreach_set("material_index", [0] * len(thing.data.polygons))


def _white(thing: Any, rng: random.Random) -> None:
    level = rng.uniform(0.74, 0.88)
    red, green, blue = (level * part for part in rng.choice(WHITES))
    _cover(thing, material((red, green, blue), rough=rng.choice([0.12, 0.35, 0.6]), bump=rng.choice([0, 0, 0.3])))


def _colour(thing: Any, rng: random.Random) -> None:
    _cover(thing, material(rng.choice(COLOURS), rough=rng.uniform(0.15, 0.7), bump=rng.choice([0, 0.3])))


def _metal(thing: Any, rng: random.Random) -> None:
    _cover(thing, material(rng.choice(METALS), rough=rng.uniform(0.05, 0.4), metal=1))


def _glass(thing: Any, rng: random.Random) -> None:
    _cover(thing, material(rng.choice(TINTS), rough=0, clear=1))


def _wire(thing: Any, rng: random.Random) -> None:
    """Only the edges of a coarse version of the model, as wire."""
    coarse = thing.modifiers.new("coarse", "DECIMATE")
    coarse.ratio = min(1.0, rng.uniform(150, 900) / max(1, len(thing.data.polygons)))
    wire = thing.modifiers.new("wire", "WIREFRAME")
    wire.thickness = rng.uniform(0.006, 0.02)
    wire.use_even_offset = False  # with an even offset, acute corners become spikes
    _apply(thing)
    _metal(thing, rng)


def _fur(thing: Any, rng: random.Random) -> None:
    """The model, covered with thousands of thin blades that follow its normals."""
    _colour(thing, rng)
    blades = _blades(thing, rng)
    mesh = bpy.data.meshes.new("fur")
    mesh.from_pydata(blades.reshape(-1, 3).tolist(), [], np.arange(blades.size // 3).reshape(-1, 3).tolist())
    mesh.materials.append(thing.data.materials[0])
    fur = bpy.data.objects.new("fur", mesh)
    bpy.context.collection.objects.link(fur)
    for one in bpy.data.objects:
        one.select_set(one in (thing, fur))
    bpy.context.view_layer.objects.active = thing
    bpy.ops.object.join()


def _blades(thing: Any, rng: random.Random) -> Any:
    """Triangles on the faces, by area, float64 (N, 3 corners, 3)."""
    faces = thing.data.polygons
    draw = np.random.default_rng(rng.randrange(1 << 31))
    area, centre, normal = np.empty(len(faces)), np.empty(3 * len(faces)), np.empty(3 * len(faces))
    for name, values in (("area", area), ("center", centre), ("normal", normal)):
        faces.foreach_get(name, values)
    at = draw.choice(len(faces), 12_000, p=area / area.sum())
    spread = np.sqrt(area[at])[:, None] * draw.uniform(-0.5, 0.5, (len(at), 3))
    root = centre.reshape(-1, 3)[at] + spread
    root[:, 2] = np.maximum(root[:, 2], 0)
    lean = draw.normal(0, 0.5, (len(at), 3))
    length = rng.uniform(0.03, 0.09) * draw.uniform(0.6, 1, (len(at), 1))
    tip = root + length * (normal.reshape(-1, 3)[at] + lean)
    tip[:, 2] = np.maximum(tip[:, 2], 0.002)
    side = 0.0015 * draw.normal(0, 1, (len(at), 3))
    return np.stack([root - side, root + side, tip], 1)


def _apply(thing: Any) -> None:
    bpy.context.view_layer.objects.active = thing
    for modifier in [*thing.modifiers]:
        bpy.ops.object.modifier_apply(modifier=modifier.name)


AS_IT_IS = "as it is"
FINISHES: dict[str, Callable[[Any, random.Random], None]] = {
    "white": _white,
    "colour": _colour,
    "metal": _metal,
    "glass": _glass,
    "wire": _wire,
    "fur": _fur,
}
