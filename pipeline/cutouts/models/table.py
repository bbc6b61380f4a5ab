"""Reads the model table: what has to be known of a network before its graph may be trusted."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cutouts.core.errors import ModelError
from cutouts.core.text.files import toml_tables
from cutouts.core.text.wrong_values import wrong_value

OWN_TABLE = "table.toml"
"""The site's own rows, in its models folder beside the files that they describe."""

Layout = Literal["nhwc-uint8", "nchw-float32"]
OutputLayout = Literal["nhw", "n1hw", "nhw1"]
Activation = Literal["probability", "logit"]


class ModelRow(BaseModel):
    """One network. A wrong input size silently halves quality, so each field is checked against the graph at load."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    file: str = Field(description="file name beside the table or in the models folder, or an absolute path")
    url: str | None = Field(None, pattern="^https?://", description="the URL that `cutouts models pull` downloads from")
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$", description="of the file")
    md5: str | None = Field(None, pattern="^[0-9a-f]{32}$", description="of the file, if the publisher states md5")
    bytes: int | None = Field(None, gt=0, description="size of the file, if known (B)")
    width_px: int = Field(gt=0, description="width of the network's input")
    height_px: int = Field(gt=0, description="height of the network's input")
    resize: Literal["stretch", "letterbox"]
    layout: Layout = Field(description="what the graph takes")
    mean: tuple[float, float, float] | None = Field(
        None, strict=False, description="per channel, of 0…1; none if in the graph"
    )
    std: tuple[float, float, float] | None = Field(
        None, strict=False, description="per channel, of 0…1; none if in the graph"
    )
    divide_by: Literal["255", "own maximum"] = Field("255", description="the divisor of float input, applied first")
    colour_space: Literal["rgb", "bgr", "hsv", "lab"] = Field(
        "rgb",
        description="of the input, and so the order of its channels",
    )
    denoise_sigma: float = Field(0.0, ge=0, description="Gaussian on the network's input (px); 0 for none")
    output: int = Field(0, ge=0, description="which of the graph's outputs is used, counted from 0")
    outputs: int | None = Field(None, gt=0, description="number of outputs of the graph; none: not checked")
    output_layout: OutputLayout = Field("nhw", description="the axes of that output")
    activation: Activation = Field("probability", description="what that output is")
    licence: str
    commercial: bool = Field(description="whether the licence allows commercial use")
    cpu_only: bool = Field(False, description="whether it runs only on CPUs, as int8 networks do")
    opened: bool = Field(True, description="whether the file was opened when this row was written")
    card: str | None = Field(None, description="its model card: file name beside the table or in the models folder")
    about: str

    @model_validator(mode="after")
    def _whole(self) -> ModelRow:
        if not (self.sha256 or self.md5):
            raise ValueError(f"{self.name}: state the file's sha256 or md5, so that it can be verified")
        if not self.file_is_bare and not Path(self.file).is_absolute():
            raise ValueError(f"{self.name}: file must be a bare name or an absolute path, not {self.file!r}")
        if not (self.file.endswith(".onnx") and self.file.isprintable()) or Path(self.file).name.startswith("."):
            raise ValueError(f"{self.name}: file must end in .onnx, not {self.file!r}")
        if self.card is not None and Path(self.card).name != self.card:
            raise ValueError(f"{self.name}: card must be a bare name, not {self.card!r}")
        normalised_here = self.mean is not None and self.std is not None
        if normalised_here != (self.layout == "nchw-float32") or (self.mean is None) != (self.std is None):
            raise ValueError(f"{self.name}: float input needs mean and std (0 and 1 for none), uint8 input neither")
        return self

    @property
    def file_is_bare(self) -> bool:
        """Whether `file` is a name and no path, so that the file is in the models folder or beside the table."""
        return Path(self.file).name == self.file and "\\" not in self.file

    @property
    def digest(self) -> str:
        """By what the file is known, in recipes too: its sha256, or `md5:…` if nothing else is published."""
        return self.sha256 or f"md5:{self.md5}"

    def path(self, models: str) -> Path:
        """Where the network's file is: beside the shipped table, or else in the folder `models`."""
        return _located(self.file, models)

    def card_path(self, models: str) -> Path | None:
        """Where its model card is: beside the shipped table or in the folder `models`; None for a row without one."""
        return _located(self.card, models) if self.card else None


class _Table(BaseModel):
    """A file of rows."""

    model_config = ConfigDict(extra="forbid", strict=True)

    models: tuple[ModelRow, ...] = Field((), strict=False)


def _located(file: str, models: str) -> Path:
    """`file` if it is absolute, else beside the shipped table if it is there, else in the folder `models`."""
    if Path(file).is_absolute():
        return Path(file)
    with as_file(files("cutouts.models") / file) as shipped:
        return shipped if shipped.is_file() else folder(models) / file


def folder(models: str) -> Path:
    """The site's models folder (its setting `models`), `~` opened: pulled files, its own rows, TensorRT's engines."""
    return Path(models).expanduser()


@cache
def rows() -> tuple[ModelRow, ...]:
    """The shipped rows, in their order. Raises ModelError with every problem of a malformed row."""
    data = (files("cutouts.models") / "table.toml").read_bytes()
    return _parsed(data, "pipeline/cutouts/models/table.toml")


def own_rows(models: str) -> tuple[ModelRow, ...]:
    """The rows of the site's own table; none if there is no such file. Raises ModelError as `rows` does."""
    path = folder(models) / OWN_TABLE
    if not path.is_file():
        return ()
    own = _parsed(path.read_bytes(), str(path))
    names = [row.name for row in (*rows(), *own)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ModelError(f"{path} is wrong: these names are already taken: {', '.join(twice)}")
    shipped = {row.file.casefold() for row in rows() if row.url is None}
    if stolen := sorted({row.file for row in own if row.file.casefold() in shipped}):
        raise ModelError(
            f"{path} is wrong: these files are shipped, so your own rows need other file names: {', '.join(stolen)}"
        )
    return own


def find(name: str, models: str) -> ModelRow:
    """The row of that name, shipped or the site's own; ModelError lists what there is."""
    known = (*rows(), *own_rows(models))
    for row in known:
        if row.name == name:
            return row
    raise ModelError(f"unknown model {name!r}; the table has {', '.join(row.name for row in known)}")


def permit(row: ModelRow, *, allow_noncommercial: bool) -> None:
    """Nothing, or a ModelError for weights that this site may not use."""
    if not (row.commercial or allow_noncommercial):
        raise ModelError(
            f"the weights of {row.name!r} are not for commercial use ({row.licence}); "
            "set allow_noncommercial = true if this site is not commercial"
        )


def _parsed(data: bytes, where: str) -> tuple[ModelRow, ...]:
    try:
        return _Table.model_validate(toml_tables(data)).models
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, one['loc']))}: {wrong_value(one)}" for one in error.errors())
        raise ModelError(f"{where} is wrong: {'; '.join(problems)}") from error
    except TOMLDecodeError as error:
        raise ModelError(f"{where} is wrong: {error}") from error
