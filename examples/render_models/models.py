"""3D models as Blender objects: read, joined, scaled to unit size, and standing on z = 0."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".stl")
CLEAR = 0.75
"""A material with a smaller alpha than this is made glass: Cycles refracts glass, and lets alpha pass straight."""
_MANY = 3000
"""So many vertices are enough to place a camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A file with a 3D model, and its name in the tables."""

    path: Path
    name: str


def listed(source: Path) -> list[Model]:
    """The models of a folder, or of a CSV file with the columns `file` and `name`. Raises ValueError without any."""
    if source.is_dir():
        files = [file for file in sorted(source.rglob("*")) if file.suffix.lower() in SUFFIXES]
        found = [Model(path=file, name=file.relative_to(source).with_suffix("").as_posix()) for file in files]
    else:
        with source.open(newline="", encoding="utf-8") as stream:
            found = [Model(path=source.parent / row["file"], name=row["name"]) for row in csv.DictReader(stream)]
    if not found:
        raise ValueError(f"{source} has no models: name a folder with {', '.join(SUFFIXES)}, or a CSV file")
    return found


def load(model: Model) -> Any:
    """The model as one mesh, its longest side 1, in the middle of the ground. Raises ValueError without faces."""
    before = set(bpy.data.objects)
    _read(model.path)
    new = [one for one in bpy.data.objects if one not in before]
    meshes = [one for one in new if one.type == "MESH" and len(one.data.polygons)]
    if not meshes:
        raise ValueError(f"{model.path} has no faces")
    for one in meshes:
        where = one.matrix_world.copy()
        one.parent = None
        one.data = one.data.copy()
        one.data.transform(where)
        one.matrix_world = Matrix()
    whole = _joined(meshes)
    for one in new:
        if one not in meshes:
            bpy.data.objects.remove(one)
    _stand(whole)
    _make_glass(whole)
    return whole


def points(objects: list[Any]) -> Any:
    """Some vertices of the objects in the world, float64 (N, 3)."""
    return np.concatenate([_vertices(one)[:: max(1, len(one.data.vertices) // _MANY)] for one in objects])


def move(thing: Any, *, x: float = 0, y: float = 0, z: float = 0, turn: float = 0, scale: float = 1) -> None:
    """Scale a model, turn it around the vertical axis (radians), and move it."""
    turned = Matrix.Rotation(turn, 4, "Z") @ Matrix.Scale(scale, 4)
    thing.data.transform(Matrix.Translation(Vector((x, y, z))) @ turned)


def _read(path: Path) -> None:
    readers = {
        ".obj": bpy.ops.wm.obj_import,
        ".ply": bpy.ops.wm.ply_import,
        ".stl": bpy.ops.wm.stl_import,
    }
    readers.get(path.suffix.lower(), bpy.ops.import_scene.gltf)(filepath=str(path))


def _joined(meshes: list[Any]) -> Any:
    for one in bpy.data.objects:
        one.select_set(one in meshes)
    bpy.context.view_layer.objects.active = meshes[0]
    if len(meshes) > 1:
        bpy.ops.object.join()
    return meshes[0]


def _vertices(thing: Any) -> Any:
    found = np.empty(3 * len(thing.data.vertices), np.float64)
    thing.data.vertices.foreach_get("co", found)
    return found.reshape(-1, 3)


def _stand(thing: Any) -> None:
    low, high = _vertices(thing).min(0), _vertices(thing).max(0)
    middle = (low + high) / 2
    to_ground = Matrix.Translation(Vector((-middle[0], -middle[1], -low[2])))
    thing.data.transform(Matrix.Scale(1 / max(*(high - low), 1e-9), 4) @ to_ground)


def _make_glass(thing: Any) -> None:
    for material in thing.data.materials:
        for node in material.node_tree.nodes if material and material.use_nodes else ():
            if node.type == "BSDF_PRINCIPLED" and not node.inputs["Alpha"].is_linked:
                if node.inputs["Alpha"].default_value < CLEAR:
                    node.inputs["Transmission Weight"].default_value = 1.0
                    node.inputs["Roughness"].default_value = 0.02
                node.inputs["Alpha"].default_value = 1.0
