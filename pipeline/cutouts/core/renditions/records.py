"""The records of renditions on a site: what is to be rendered, and what was."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCutout:
    """A live image whose renditions are missing or stale: their names, and where its photograph was.

    `cutout` is an object, `sha256` the digest of the photograph, `plan_id` the plan that made the image live.
    """

    delivery_id: str
    image_id: str
    cutout: str
    sha256: str
    plan_id: str
    renditions: tuple[str, ...]
    uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionEntry:
    """A rendition of a live image as the catalogue records it; `picture` is an object, `bytes` its size (B).

    `violations` are the rules of its channel that the finished file breaks, in words; `rules` is the digest of these
    rules, or empty.
    """

    delivery_id: str
    image_id: str
    rendition: str
    rendition_digest: str
    cutout: str
    sha256: str
    picture: str
    format: str
    width_px: int
    height_px: int
    bytes: int
    quality: int
    notes: tuple[str, ...] = ()
    rules: str = ""
    violations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionFailure:
    """Why the renditions of an image could not be made."""

    delivery_id: str
    image_id: str
    renditions: tuple[str, ...]
    words: str
