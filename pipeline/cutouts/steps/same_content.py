"""Images of one shard that have the same content: one of them is cut, and all of them have its result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from cutouts.core.mask_metrics import MaskMetrics
from cutouts.core.records import ImageRecord, Mask, Rejection
from cutouts.core.text.display import stored_uri
from cutouts.stages import ChunkResult, Identity

W = TypeVar("W", Mask, Rejection)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """The result of one content: a mask with its metrics, or a rejection that another try would not change."""

    mask: Mask | None = None
    metrics: MaskMetrics | None = None
    rejection: Rejection | None = None


def cut_once(
    records: Sequence[ImageRecord],
    identities: Mapping[str, Identity],
    cut: Callable[[Sequence[ImageRecord]], Iterator[ChunkResult]],
) -> Iterator[tuple[ChunkResult, bool]]:
    """The results of all records, each with True if they were copied from another record with the same content.

    `identities` has, by image id, what was found out about images whose row states no sha256, if they were read. If the
    image that was cut is rejected for a reason other than its content, such as a missing file, the next image with the
    same content is cut.
    """
    first, waiting = _apart(records, identities)
    while first:
        made: dict[str, _Made] = {}
        for result in cut(first):
            yield result, False
            made.update(_made(result))
        ready = [(record, made[content]) for content in waiting if content in made for record in waiting[content]]
        if ready:
            yield _shared(ready, identities), True
        waiting = {content: found for content, found in waiting.items() if found and content not in made}
        first = [found.pop(0) for found in waiting.values()]


def look_alike(records: Sequence[ImageRecord]) -> list[ImageRecord]:
    """Records without a sha256 that may have the same content as another: they share a URI, or an ETag and size."""
    groups: dict[tuple[object, ...], list[ImageRecord]] = {}
    for record in records:
        if record.sha256 is None:
            key = (record.uri,) if record.etag is None else (record.etag, record.bytes)
            groups.setdefault(key, []).append(record)
    return [record for group in groups.values() if len(group) > 1 for record in group]


def _apart(
    records: Sequence[ImageRecord], identities: Mapping[str, Identity]
) -> tuple[list[ImageRecord], dict[str, list[ImageRecord]]]:
    """The first record of each content, with the records of unknown content; and the other records by their content."""
    first: list[ImageRecord] = []
    waiting: dict[str, list[ImageRecord]] = {}
    for record in records:
        found = identities.get(record.image_id)
        content = record.content(record.sha256) or (found and found.sha256)
        if content in waiting:
            waiting[content].append(record)
        else:
            first.append(record)
            if content:
                waiting[content] = []
    return first, waiting


def _made(result: ChunkResult) -> Iterator[tuple[str, _Made]]:
    metrics = {one.image_id: one for one in result.metrics}
    for mask in result.masks:
        yield mask.sha256, _Made(mask=mask, metrics=metrics[mask.image_id])
    for rejection in result.rejections:
        if rejection.sha256 and not rejection.retryable:
            yield rejection.sha256, _Made(rejection=rejection)


def _shared(ready: Sequence[tuple[ImageRecord, _Made]], identities: Mapping[str, Identity]) -> ChunkResult:
    """The result of one image of each content, copied to the ids and URIs of the others."""
    masks, metrics, rejections = [], [], []
    for record, one in ready:
        if one.mask and one.metrics:
            masks.append(_placed(record, one.mask, identities))
            metrics.append(replace(one.metrics, image_id=record.image_id))
        elif one.rejection:
            rejections.append(_placed(record, one.rejection, identities))
    return ChunkResult(
        masks=tuple(masks),
        metrics=tuple(metrics),
        rejections=tuple(rejections),
        model_batches=0,
        prepare_seconds=0.0,
        infer_seconds=0.0,
        finish_seconds=0.0,
    )


def _placed(record: ImageRecord, one: W, identities: Mapping[str, Identity]) -> W:
    """The result with the record's id and URI; with its ETag only if the store confirmed it for exactly that URI."""
    found, uri = identities.get(record.image_id), stored_uri(record.uri)
    same = record.etag == one.etag and uri == one.uri
    etag = found.etag if found else one.etag if same else None
    return replace(one, image_id=record.image_id, uri=uri, bytes=record.bytes, etag=etag)
