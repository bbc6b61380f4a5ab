"""Reads `table.toml`: what has to be known of a network before its graph may be trusted."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.core.errors import ModelError


class ModelRow(BaseModel):
    """One network. A wrong input size silently halves quality, so each field is checked against the graph at load."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    file: str = Field(description="file name beside the table, or an absolute path")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of the file")
    width_px: int = Field(gt=0, description="width of the network's input")
    height_px: int = Field(gt=0, description="height of the network's input")
    resize: Literal["stretch", "letterbox"]
    layout: Literal["nhwc-uint8", "nchw-float32"] = Field(description="what the graph takes")
    mean: tuple[float, float, float] | None = Field(None, description="per channel, of 0…1; none if in the graph")
    std: tuple[float, float, float] | None = Field(None, description="per channel, of 0…1; none if in the graph")
    divide_by: Literal["255", "own maximum"] = Field("255", description="what float input is divided by first")
    colour_space: Literal["rgb", "bgr", "hsv", "lab"] = "rgb"
    denoise_sigma: float = Field(0.0, ge=0, description="Gaussian on the network's input (px); 0 for none")
    activation: Literal["probability", "logit"] = Field("probability", description="what the graph's output is")
    licence: str
    commercial: bool = Field(description="whether the licence allows commercial use")
    about: str

    def path(self) -> Path:
        """Where the network's file lies."""
        if Path(self.file).is_absolute():
            return Path(self.file)
        with as_file(files("pipeline.models") / self.file) as path:
            return path


@cache
def rows() -> tuple[ModelRow, ...]:
    """All rows of the table, in its order. Raises ModelError with every problem of a malformed row."""
    text = (files("pipeline.models") / "table.toml").read_text(encoding="utf-8")
    try:
        return tuple(ModelRow.model_validate(row) for row in tomllib.loads(text)["models"])
    except ValidationError as error:
        raise ModelError(f"pipeline/models/table.toml is wrong: {error}") from error


def find(name: str) -> ModelRow:
    """The row of that name; ModelError lists what there is."""
    for row in rows():
        if row.name == name:
            return row
    raise ModelError(f"there is no model {name!r}; the table has {', '.join(row.name for row in rows())}")
