"""The rules of a channel, such as a marketplace: dated data, each with its source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import date as Day  # noqa: N812 -- fields are called after dates
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cutouts.core.channels.figures import FIGURES_METHOD, FileFigures
from cutouts.core.errors import ConfigError
from cutouts.core.text.wrong_values import wrong_value

_FIGURES = frozenset(one.name for one in fields(FileFigures)) - {"name", "places"}
OFF_WHITE = frozenset({"off_white", "off_white_near"})
"""The figures that the setting `white_tolerance` concerns."""


class ChannelRule(BaseModel):
    """One rule: the figure of a file that must be within limits, or one of several values.

    `source` is the address or the name of the page, `stated` its date as it states it. If not `verified`, the rule is
    not from the operator's own page, or has no number there. With `only_format`, files of other formats are not
    judged. A file that breaks a `critical` rule is not published.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"[a-z0-9-]{1,64}")
    words: str
    figure: str
    min: float | None = None
    max: float | None = None
    one_of: tuple[str, ...] | None = Field(None, strict=False)
    only_format: str | None = None
    severity: Literal["critical", "warning"] = "critical"
    source: str
    stated: str
    verified: bool
    valid_from: Day | None = None
    valid_until: Day | None = None

    @model_validator(mode="after")
    def _judges(self) -> ChannelRule:
        if self.figure not in _FIGURES:
            raise ValueError(f"unknown figure {self.figure!r}; known are {', '.join(sorted(_FIGURES))}")
        if (self.min is None and self.max is None) == (self.one_of is None):
            raise ValueError("give min, max or both, or else one_of")
        return self

    def in_force(self, day: Day) -> bool:
        """Whether the rule applies on a day."""
        return (self.valid_from or day) <= day <= (self.valid_until or day)


class Channel(BaseModel):
    """The rules of one channel; `reviewed` says when they were compared with their sources, and what was found."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    channel: str = Field(pattern=r"[a-z0-9-]{1,64}")
    about: str
    reviewed: str = ""
    rules: tuple[ChannelRule, ...] = Field(min_length=1, strict=False)

    def on(self, day: Day, *, white_tolerance: int = 0) -> Channel:
        """The channel with the rules in force on a day; grounds `white_tolerance` levels below 255 count as white."""
        chosen = [rule for rule in self.rules if rule.in_force(day)]
        tolerant = [
            rule.model_copy(update={"max": max(rule.max or 0, white_tolerance)}) if rule.figure in OFF_WHITE else rule
            for rule in chosen
        ]
        return self.model_copy(update={"rules": tuple(tolerant)})

    @property
    def digest(self) -> str:
        """Identifies the rules and how files are measured: a file has to be checked again when it changes.

        16 hexadecimal characters.
        """
        told = [FIGURES_METHOD, self.model_dump(mode="json", include={"rules"})]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def parse_channel(table: Mapping[str, object], place: str) -> Channel:
    """The channel in a file's table. Raises ConfigError with every problem."""
    try:
        return Channel.model_validate(table)
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in item['loc'])}: {wrong_value(item)}" for item in error.errors()]
        raise ConfigError(f"the rules in {place} are wrong", problems) from None
