"""A rendition: how one picture is made of a cutout. A frozen record; its parser lists every problem at once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cutouts.core.errors import ConfigError
from cutouts.core.text.display import shown
from cutouts.core.text.wrong_values import WrongValue, wrong_value

RENDITION_METHOD = "rendition-1"
"""Version of the code that draws and encodes renditions. Whoever changes its results raises it."""

FileFormat = Literal["jpeg", "png", "webp", "webp-lossless", "avif"]
Position = Literal[
    "centre", "top", "bottom", "left", "right", "top-left", "top-right", "bottom-left", "bottom-right"
]  # fmt: skip
Colour = tuple[int, int, int]
"""sRGB, 0…255 each."""

SUFFIX: Mapping[FileFormat, str] = {
    "jpeg": ".jpg",
    "png": ".png",
    "webp": ".webp",
    "webp-lossless": ".webp",
    "avif": ".avif",
}
"""The suffix of each format's files."""
LOSSLESS = frozenset[FileFormat]({"png", "webp-lossless"})
_COLOURS: Mapping[str, Colour] = {"white": (255, 255, 255), "black": (0, 0, 0), "grey": (128, 128, 128)}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_LARGEST = 20_000


class Rendition(BaseModel):
    """How one picture is made of a cutout. Lengths in px of the finished picture, `max_bytes` in B.

    `fill` is the share of the frame's side that the product's bounding box takes, along the side on which it takes
    more; for a square frame this is the longest side of the box divided by the side of the frame. A `margin` is
    (1 − fill) / 2.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(description="lower-case letters, digits and hyphens; also the name of its folder")
    frame: Literal["product", "photograph"] = Field(
        "product", description="what the picture shows: product or photograph"
    )
    width_px: int | None = Field(None, ge=1, le=_LARGEST, description="exact width; with height_px or aspect")
    height_px: int | None = Field(None, ge=1, le=_LARGEST, description="exact height; with width_px or aspect")
    max_side_px: int | None = Field(
        None,
        ge=1,
        le=_LARGEST,
        description="longest side at most, instead of an exact size; it is less if the product is small",
    )
    aspect: float | None = Field(None, description='width to height, like "3:4"')
    fill: float | None = Field(None, gt=0, le=1, description="share of the frame that the product takes; 1 by default")
    margin: float | None = Field(
        None, ge=0, lt=0.5, description="space on each side of the product as a share of the frame, instead of fill"
    )
    position: Position = Field(
        "centre",
        description="place of the product: centre, top, bottom, left, right, top-left, …; it keeps its margin there",
    )
    enlarge: bool = Field(False, description="whether the product may be drawn larger than in the photograph")
    ground: Colour | None = Field(None, description='transparent, white, black, grey, or a colour like "#f4f4f4"')
    ground_image: bytes | None = Field(
        None,
        repr=False,
        description="file of a picture that covers the ground, instead of a colour; beside the recipe file",
    )
    shadow: Literal["none", "kept", "contact"] = Field(
        "none",
        description="none, kept (the photograph's own, if its ground is plain), or contact (drawn below the product)",
    )
    shadow_opacity: float = Field(0.5, gt=0, le=1, description="darkness of a contact shadow where it is darkest")
    format: FileFormat = Field("png", description="jpeg, png, webp, webp-lossless or avif")
    quality: int = Field(92, ge=1, le=100, description="quality of a lossy format; lower if max_bytes requires it")
    min_quality: int = Field(
        1, ge=1, le=100, description="a picture that needs a lower quality for max_bytes is refused"
    )
    max_bytes: int | None = Field(
        None, ge=1, description="largest size of the file (B); the highest quality that fits is used"
    )
    exact_white: bool = Field(
        False,
        description="a JPEG on white whose ground decodes to exactly 255, beside the product too; a larger file",
    )
    profile: Literal["srgb", "photograph"] = Field("srgb", description="colour profile: srgb, or the photograph's own")
    rules: str | None = Field(None, description="channel whose rules a picture must keep to be published")
    metadata: Literal["source-type", "none"] = Field(
        "source-type", description="source-type: the file states its IPTC digital source type; none: it does not"
    )

    @field_validator("name")
    @classmethod
    def _is_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"{value!r} is not a name: use lower-case letters, digits and hyphens, at most 64")
        return value

    @field_validator("aspect", mode="before")
    @classmethod
    def _ratio(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", value.strip())
        if found is None or not float(found[1]) or not float(found[2]):
            raise ValueError(f'{value!r} is not width to height: expected something like "3:4"')
        return float(found[1]) / float(found[2])

    @field_validator("aspect")
    @classmethod
    def _usual(cls, value: float | None) -> float | None:
        if value is not None and not 0.05 <= value <= 20:
            raise ValueError("expected between 1:20 and 20:1")
        return value

    @field_validator("ground", mode="before")
    @classmethod
    def _colour(cls, value: object) -> object:
        if value is None or isinstance(value, tuple):
            return value
        if value == "transparent":
            return None
        if isinstance(value, str) and value in _COLOURS:
            return _COLOURS[value]
        if isinstance(value, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", value):
            return tuple(bytes.fromhex(value[1:]))
        raise ValueError(
            f'{value!r} is not a ground: expected transparent, {", ".join(_COLOURS)}, or a colour like "#f4f4f4"'
        )

    @model_validator(mode="after")
    def _consistent(self) -> Rendition:
        if problems := self._problems():
            raise ValueError("\n".join(problems))
        return self

    def _problems(self) -> list[str]:
        """What does not go together, one line each."""
        exact = [self.width_px, self.height_px]
        checks = {
            "fill and margin say the same: give one of them": None not in (self.fill, self.margin),
            "max_side_px and an exact size (width_px, height_px) exclude each other": self.max_side_px is not None
            and exact != [None, None],
            "one of width_px and height_px needs the other, or aspect": exact.count(None) == 1 and self.aspect is None,
            "width_px, height_px and aspect say the same twice: leave one of them out": None
            not in (*exact, self.aspect),
            "ground and ground_image exclude each other": None not in (self.ground, self.ground_image),
            "jpeg has no transparency: give a ground or a ground_image": self.format == "jpeg" and self.is_transparent,
            "min_quality is above quality": self.min_quality > self.quality,
            'exact_white needs format = "jpeg", ground = "white" and no shadow': self.exact_white
            and (self.format, self.ground, self.shadow) != ("jpeg", _COLOURS["white"], "none"),
        }
        return [words for words, wrong in checks.items() if wrong]

    @property
    def is_transparent(self) -> bool:
        """Whether the picture has alpha."""
        return self.ground is None and self.ground_image is None

    @property
    def suffix(self) -> str:
        """The suffix of its files, with the dot."""
        return SUFFIX[self.format]

    @property
    def fill_share(self) -> float:
        """`fill`, or what `margin` says; 1 if neither is given."""
        if self.fill is not None:
            return self.fill
        return 1 - 2 * self.margin if self.margin is not None else 1.0

    @property
    def exact_size(self) -> tuple[int, int] | None:
        """Width and height of the frame in px, if they are given."""
        if self.width_px is not None and self.height_px is not None:
            return self.width_px, self.height_px
        if self.aspect is not None and self.width_px is not None:
            return self.width_px, max(1, round(self.width_px / self.aspect))
        if self.aspect is not None and self.height_px is not None:
            return max(1, round(self.height_px * self.aspect)), self.height_px
        return None

    @property
    def words(self) -> str:
        """The rendition in words, for a person."""
        size = f"{self.exact_size[0]}×{self.exact_size[1]} px" if self.exact_size else "its own size"
        if self.max_side_px:
            size = f"at most {self.max_side_px} px"
        shape = f", {self.aspect:.3g}:1" if self.aspect and not self.exact_size else ""
        ground = "a picture" if self.ground_image else f"#{bytes(self.ground).hex()}" if self.ground else "transparent"
        limit = f", at most {self.max_bytes:,} B" if self.max_bytes else ""
        shadow = f", {self.shadow} shadow" if self.shadow != "none" else ""
        return f"{self.format}, {size}{shape}, fill {self.fill_share:.0%}, ground {ground}{shadow}{limit}"

    @property
    def digest(self) -> str:
        """Identifies everything that changes the file: 16 hexadecimal characters of a sha256."""
        told = self.model_dump(exclude={"name", "ground_image", "rules"})
        if self.exact_white:  # without a density before
            told["exact_white"] = "with density"
        else:  # pictures that were made before it existed are not stale
            del told["exact_white"]
        if self.enlarge:  # a rim was around the product before
            told["enlarge"] = "without a rim"
        if self.shadow == "contact":  # it was drawn otherwise before: only these pictures are stale
            told["shadow"] = "contact below each column"
        if self.shadow == "kept":  # it had a grey band at the edge between floor and wall before
            told["shadow"] = "kept without a band"
        if self.shadow != "none" and self.ground is not None:  # a pale rim was beside the shadow before
            told["ground"] = [*self.ground, "with its shadow first"]
        if self.profile == "photograph":  # it was shrunk by sRGB's curve before, and the ground was not converted to it
            told["profile"] = "the photograph's, with its ground and its curve"
        image = None if self.ground_image is None else hashlib.sha256(self.ground_image).hexdigest()
        text = json.dumps([RENDITION_METHOD, told, image], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_renditions(tables: Mapping[str, object], place: str) -> dict[str, Rendition]:
    """The renditions in the tables of a recipe file, by name. `place` names the file.

    Raises ConfigError with one line per problem of all tables.
    """
    found, problems = dict[str, Rendition](), list[str]()
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            problems.append(f"{name}: expected a table, [{shown(name)}]")
            continue
        try:
            found[name] = Rendition.model_validate({**table, "name": name})
        except ValidationError as error:
            problems += [line for item in error.errors() for line in _lines(name, item)]
    if problems:
        raise ConfigError(f"the renditions in {place} are wrong", problems)
    return found


def _lines(name: str, error: WrongValue) -> list[str]:
    key = ".".join([name, *(str(part) for part in error["loc"][:1])])
    if error["type"] == "extra_forbidden":
        known = ", ".join(one for one in Rendition.model_fields if one != "name")
        return [f"{key}: unknown setting; known are {known}"]
    return [f"{key}: {line}" for line in wrong_value(error).splitlines()]
