"""Judges finished files by the rules of a channel, as a suite of Great Expectations over a frame of their figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files

import numpy as np
import pyarrow as pa

from cutouts.adapters.quality.suite import Rule
from cutouts.adapters.quality.validation import validate
from cutouts.core.channels.figures import FileFigures
from cutouts.core.channels.rules import Channel, ChannelRule, parse_channel
from cutouts.core.errors import ConfigError
from cutouts.core.text.display import shown
from cutouts.core.text.files import toml_tables

_NUMBERS = frozenset({"int", "float"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule that a file breaks: the rule's name and words, the figure and its value, and the worst pixel if known."""

    rule: str
    severity: str
    text: str


@cache
def channels() -> dict[str, Channel]:
    """The shipped channels by name."""
    found = [
        parse_channel(toml_tables(file.read_bytes()), file.name)
        for file in (files("cutouts.schemas") / "rules").iterdir()
        if file.name.endswith(".toml")
    ]
    return {one.channel: one for one in sorted(found, key=lambda one: one.channel)}


def channel_named(name: str) -> Channel:
    """The channel with this name. Raises ConfigError if there is none."""
    if name not in channels():
        raise ConfigError("this channel does not exist", [f"{shown(name)}: known are {', '.join(channels())}"])
    return channels()[name]


def violations(channel: Channel, measured: Sequence[FileFigures]) -> list[tuple[Violation, ...]]:
    """The rules that each file breaks, in the order of the files. Raises GateError if a check crashed."""
    found: list[list[Violation]] = [[] for _ in measured]
    for form in dict.fromkeys(rule.only_format for rule in channel.rules):
        rows = [row for row, one in enumerate(measured) if form in (None, one.format)]
        rules = [rule for rule in channel.rules if rule.only_format == form]
        if not rows:
            continue
        checks = validate([_expectation(rule) for rule in rules], _frame([measured[row] for row in rows]), "COMPLETE")
        for rule, check in zip(rules, checks, strict=True):
            for number in check.fields.get("unexpected_index_list") or ():
                found[rows[number]].append(_violation(rule, measured[rows[number]]))
    return [tuple(one) for one in found]


def _expectation(rule: ChannelRule) -> Rule:
    """The rule as an expectation about a column of figures."""
    limits: dict[str, object] = {"column": rule.figure}
    if rule.one_of is not None:
        kind, limits["value_set"] = "expect_column_values_to_be_in_set", list(rule.one_of)
    else:
        kind = "expect_column_values_to_be_between"
        limits |= {"min_value": rule.min, "max_value": rule.max}
    return Rule(
        type=kind,
        kwargs=limits,
        severity=rule.severity,
        frame="files",
        action="refuse",
        group=rule.name,
        words=rule.words,
    )


def _frame(measured: Sequence[FileFigures]) -> pa.Table:
    """One row per file. No figure is null, so no rule can pass without judging; NaN becomes the largest number."""
    columns = {}
    for one in fields(FileFigures):
        if one.name in ("name", "places"):
            continue
        values = [getattr(figures, one.name) for figures in measured]
        if isinstance(values[0], str):
            columns[one.name] = pa.array(values, pa.string())
        else:
            columns[one.name] = pa.array(np.nan_to_num(np.array(values, np.float64), nan=1e300))
    return pa.table(columns)


def _violation(rule: ChannelRule, figures: FileFigures) -> Violation:
    value = getattr(figures, rule.figure)
    told = value if isinstance(value, str) else _written(value, 4)
    place = figures.places.get(rule.figure)
    at = f", at pixel {place[0]}, {place[1]}" if place else ""
    parts = [f"{rule.name}: {rule.words}", f"{rule.figure} is {told}{at}", f"allowed: {' and '.join(_allowed(rule))}"]
    unsure = "" if rule.verified else " (the rule could not be verified)"
    return Violation(rule=rule.name, severity=rule.severity, text="; ".join(parts) + unsure)


def _allowed(rule: ChannelRule) -> Iterator[str]:
    if rule.one_of is not None:
        yield ", ".join(rule.one_of)
    if rule.min is not None:
        yield f"at least {_written(rule.min, 6)}"
    if rule.max is not None:
        yield f"at most {_written(rule.max, 6)}"


def _written(value: float, digits: int) -> str:
    """The number with so many digits; large ones are whole, so that none has an exponent."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
