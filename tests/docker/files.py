"""Reads the Dockerfile, the compose file and the Makefile into plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction of a Dockerfile, its continued lines joined."""

    name: str
    value: str


def dockerfile() -> tuple[Instruction, ...]:
    """The instructions of the Dockerfile in their order, without comments."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", lines)
    parts = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return tuple(Instruction(name=name, value=" ".join(value.split())) for name, value in parts)


def values(name: str) -> list[str]:
    """The arguments of each instruction of that name."""
    return [one.value for one in dockerfile() if one.name == name]


def environment() -> dict[str, str]:
    """What the image sets with ENV."""
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(values("ENV"))))


def compose() -> Any:
    """The compose file with each `${NAME:-default}` replaced by its default."""
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))


def settings(file: str) -> dict[str, str]:
    """An env file's settings."""
    lines = (DOCKER / file).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def recipe(target: str) -> list[str]:
    """The commands of a Makefile target, as the shell would see them in an empty environment."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(target)}:.*\n((?:\t.*\n)+)", text, re.MULTILINE)
    assert found, f"the Makefile has no target {target}"
    variables = dict(re.findall(r"^(\w+) :?= (.+)$", text, re.MULTILINE))
    return [
        re.sub(r"\$\((\w+)\)", lambda name: variables.get(name[1], name[0]), line.strip())
        for line in found[1].splitlines()
    ]
