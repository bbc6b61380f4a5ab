"""How a delivery is split into shards, and which of its images are already known."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from cutouts.core.manifests import sharding


def images(sizes: list[int | None]) -> pa.Table:
    """One image per size, named in their order."""
    names = [f"{number:04d}.jpg" for number in range(len(sizes))]
    return pa.table({"image_id": names, "bytes": pa.array(sizes, pa.int64())})


def cut_ids(
    table: pa.Table, *, shard_images: int = 10, shard_bytes: int = 10**9, max_shards: int = 100
) -> list[list[str]]:
    """The image_ids of each shard."""
    shards = sharding.shards_of(table, shard_images=shard_images, shard_bytes=shard_bytes, max_shards=max_shards)
    cut = [shard.column("image_id").to_pylist() for shard in shards.tables(table)]
    assert len(cut) == shards.count
    return cut


def lengths(table: pa.Table, **limits: int) -> list[int]:
    """How many images each shard holds."""
    return [len(shard) for shard in cut_ids(table, **limits)]


def test_every_image_is_in_exactly_one_shard_in_order() -> None:
    """All shards together are the images ordered by their id."""
    table = images([1] * 25).take(pa.array(np.random.default_rng(0).permutation(25)))
    cut = cut_ids(table)
    assert [len(shard) for shard in cut] == [10, 10, 5]
    assert [name for shard in cut for name in shard] == sorted(table.column("image_id").to_pylist())


@pytest.mark.parametrize("seed", range(5))
def test_shards_do_not_depend_on_the_order_of_the_rows(seed: int) -> None:
    """The rows may be in another order or in other chunks."""
    table = images([size % 7 + 1 for size in range(100)])
    shuffled = table.take(pa.array(np.random.default_rng(seed).permutation(100)))
    pieces = pa.concat_tables([shuffled.slice(0, 13), shuffled.slice(13, 0), shuffled.slice(13)])
    limits = {"shard_images": 9, "shard_bytes": 30}
    assert cut_ids(pieces, **limits) == cut_ids(table, **limits)


def test_a_shard_holds_no_more_bytes_than_allowed() -> None:
    """It is closed before the image that would make it too large."""
    assert lengths(images([40, 40, 40, 10, 10, 90]), shard_bytes=100) == [2, 3, 1]


def test_an_image_too_large_for_any_shard_gets_its_own() -> None:
    """It neither blocks the split nor takes its neighbours in."""
    assert lengths(images([10, 500, 10, 10]), shard_bytes=100) == [1, 1, 2]


def test_an_image_of_unknown_size_counts_as_one_of_usual_size() -> None:
    """A null size is neither zero nor an error."""
    assert lengths(images([None] * 4), shard_bytes=2 * sharding.DEFAULT_BYTES) == [2, 2]


@pytest.mark.parametrize("max_shards", [1, 2, 3, 7])
def test_limits_grow_until_there_are_few_enough_shards(max_shards: int) -> None:
    """A large delivery has larger shards, and not more than the scheduler can handle."""
    cut = cut_ids(images([5, 1, 1, 900, 3] * 40), shard_images=2, shard_bytes=10, max_shards=max_shards)
    assert 1 <= len(cut) <= max_shards
    assert sum(len(shard) for shard in cut) == 200


def test_no_rows_give_no_shard() -> None:
    """If everything in a delivery is known, there is nothing to cut."""
    assert cut_ids(images([])) == []


@pytest.mark.parametrize("limit", ["shard_images", "shard_bytes", "max_shards"])
def test_a_limit_below_one_is_refused(limit: str) -> None:
    """No shard could hold anything."""
    limits = {"shard_images": 1, "shard_bytes": 1, "max_shards": 1} | {limit: 0}
    with pytest.raises(ValueError, match="at least 1"):
        sharding.shards_of(images([1]), together=False, **limits)


def test_rows_are_copied_in_blocks_without_losing_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards smaller and larger than a block are complete and in order."""
    monkeypatch.setattr(sharding, "_BAND", 4)
    table = images([1, 1, 1, 1, 1, 1, 1, 50, 1, 1, 50, 1]).take(pa.array(range(11, -1, -1)))
    cut = cut_ids(table, shard_images=7, shard_bytes=50)
    assert [len(shard) for shard in cut] == [7, 1, 2, 1, 1]
    assert [name for shard in cut for name in shard] == sorted(table.column("image_id").to_pylist())


def test_omitted_rows_are_in_no_shard() -> None:
    """Known images need no shard, and the others are split as if these did not exist."""
    table = images([30, 30, 30, 30, 30]).take(pa.array([4, 3, 2, 1, 0]))
    wanted = pa.chunked_array([[True, False], [True, False, True]])
    limits = {"shard_images": 10, "shard_bytes": 60, "max_shards": 9}
    shards = sharding.shards_of(table, where=wanted, together=False, **limits)
    assert [part.column("image_id").to_pylist() for part in shards.tables(table)] == [
        ["0000.jpg", "0002.jpg"],
        ["0004.jpg"],
    ]
    assert [part.num_rows for part in shards.tables(table)] == lengths(table.filter(wanted), **limits)


SHA = {letter: letter * 64 for letter in "abcdef"}


def rows(*stated: tuple[str, str | None, int | None, str | None]) -> pa.Table:
    """Rows of (uri, etag, bytes, sha256)."""
    columns = list(zip(*stated, strict=True)) or [(), (), (), ()]
    names = ("uri", "etag", "bytes", "sha256")
    types = (pa.string(), pa.string(), pa.int64(), pa.string())
    return pa.table({name: pa.array(column, kind) for name, column, kind in zip(names, columns, types, strict=True)})


KNOWN = rows(
    ("s3://a", "v1", 10, SHA["a"]),
    ("s3://b", None, 10, SHA["b"]),
    ("s3://c", "v1", None, SHA["c"]),
    ("s3://d", "v1", 10, None),
    ("s3://e", "v1", 10, SHA["e"]),
    ("s3://e", "v1", 10, SHA["f"]),
)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("s3://elsewhere", None, None, SHA["a"]), SHA["a"]),
        (("s3://a", "v1", 10, SHA["d"]), None),
        (("s3://a", "v1", 10, None), SHA["a"]),
        (("s3://a", "v2", 10, None), None),
        (("s3://a", "v1", 11, None), None),
        (("s3://a", "v1", None, None), None),
        (("s3://other", "v1", 10, None), None),
        (("s3://b", None, 10, None), None),
        (("s3://c", "v1", None, None), SHA["c"]),
        (("s3://d", "v1", 10, None), None),
        (("s3://e", "v1", 10, None), None),
    ],
    ids=[
        "the same content at another place is known",
        "other content at the same place is not",
        "without a digest the place and its etag say so",
        "another etag is another content",
        "another size is another content",
        "a size that only one states settles nothing",
        "another place is not known by its etag",
        "without digest and etag nothing is known",
        "an etag is enough where neither states a size",
        "a result without a digest counts for nothing",
        "two contents under one etag are not to be trusted",
    ],
)
def test_a_row_is_known_by_its_content(
    row: tuple[str, str | None, int | None, str | None], expected: str | None
) -> None:
    """The stated content decides whether its result exists already."""
    assert sharding.split_known(rows(row), KNOWN).to_pylist() == [expected]


def test_known_digests_are_aligned_with_their_rows() -> None:
    """There is one entry per row, in the order of the rows."""
    asked = rows(("s3://x", None, None, SHA["c"]), ("s3://x", None, None, None), ("s3://a", "v1", 10, None))
    assert sharding.split_known(asked, KNOWN).to_pylist() == [SHA["c"], None, SHA["a"]]


def test_a_large_ledger_is_searched_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known content is found in any slice."""
    monkeypatch.setattr(sharding, "_SLICE", 2)
    asked = rows(*(("s3://x", None, None, SHA[letter]) for letter in "fdcba"))
    assert sharding.split_known(asked, KNOWN).to_pylist() == [SHA["f"], None, SHA["c"], SHA["b"], SHA["a"]]


def test_an_empty_ledger_knows_nothing() -> None:
    """The first run does everything."""
    assert sharding.split_known(rows(("s3://a", "v1", 10, SHA["a"])), rows()).to_pylist() == [None]
    assert sharding.split_known(rows(("s3://a", "v1", 10, None)), rows()).to_pylist() == [None]
    assert sharding.split_known(rows(), KNOWN).to_pylist() == []
