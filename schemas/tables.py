"""The Arrow schema of every table on disk, versioned, with the unit of each column in its field metadata.

A table written under one version is read under that version only: it is stamped into the metadata of each schema,
`VERSION` unless the table has changed since. Columns are nullable exactly where `null=True` stands here.
"""

from __future__ import annotations

import pyarrow as pa

VERSION = 1


def _field(name: str, kind: pa.DataType, about: str, *, unit: str = "", null: bool = False) -> pa.Field:
    metadata = {"about": about} | ({"unit": unit} if unit else {})
    return pa.field(name, kind, nullable=null, metadata=metadata)


def _table(name: str, *fields: pa.Field, version: int = VERSION) -> pa.Schema:
    return pa.schema(fields, metadata={"table": name, "version": str(version)})


_TEXT, _COUNT, _SHARE, _REAL = pa.string(), pa.int64(), pa.float32(), pa.float64()

_IMAGE = (
    _field("image_id", _TEXT, "unique within its delivery; for a folder of images, the path relative to it"),
    _field("product_id", _TEXT, "the product that the image shows"),
    _field("delivery_id", _TEXT, "one supplier's or one shoot's share of a manifest"),
    _field("uri", _TEXT, "where the bytes are, as fsspec reads it"),
    _field("sha256", _TEXT, "of the file's bytes, hexadecimal", null=True),
    _field("etag", _TEXT, "the object store's version tag", null=True),
    _field("bytes", _COUNT, "size of the file", unit="B", null=True),
    _field("width_px", pa.int32(), "as stored, before orientation", unit="px", null=True),
    _field("height_px", pa.int32(), "as stored, before orientation", unit="px", null=True),
    _field("category", _TEXT, "the shop's own product category", null=True),
    _field("taken_at", pa.timestamp("us", tz="UTC"), "when the photograph was taken", unit="UTC", null=True),
)

_BOX = tuple(
    _field(f"product_{side}_px", pa.int32(), f"{where} of the box around the product, upright", unit="px", null=True)
    for side, where in (("left", "first column"), ("top", "first row"), ("right", "end"), ("bottom", "end"))
)

MANIFEST = _table(
    "manifest",
    *_IMAGE,
    *_BOX,
    _field("channels", _TEXT, "the renditions that are made of the image, separated by commas; null: all", null=True),
    _field("model", _TEXT, "the network that cuts the image; null: the site's", null=True),
    version=2,
)
"""One row per product image; hive-partitioned by the day of delivery (`date=YYYY-MM-DD/`), or a single file."""

SHARDS = _table("shards", *_IMAGE[:7], *_BOX, version=2)
"""What one plan has to cut out: one Parquet row group per shard, ordered by `image_id`; what cutting needs to know.

The one table in which a URI stands with its log-in and signature: without them a worker could not read the image.
"""

_WORK = (
    _field("image_id", _TEXT, "unique within its delivery"),
    _field("uri", _TEXT, "where the bytes were read from, without secrets"),
    _field("etag", _TEXT, "as the manifest stated it, if the store confirmed it", null=True),
    _field("bytes", _COUNT, "as the manifest stated it", unit="B", null=True),
)
_RECIPE = (
    _field("matte_digest", _TEXT, "of all that changes the matte"),
    _field("render_digest", _TEXT, "of all that changes the rendering"),
)

MASKS = _table(
    "masks",
    *_WORK,
    _field("sha256", _TEXT, "of the file's bytes, hexadecimal"),
    *_RECIPE,
    _field("width_px", pa.int32(), "of the oriented source, the matte and the cutout", unit="px"),
    _field("height_px", pa.int32(), "of the oriented source, the matte and the cutout", unit="px"),
    _field("mask", _TEXT, "object name of the matte, an 8-bit grey PNG"),
    _field("cutout", _TEXT, "object name of the cutout, an 8-bit RGBA PNG, straight alpha"),
    _field("notes", pa.list_(_TEXT), "notes for a person on how it was read"),
)
"""One row per image that was cut out."""

METRICS = _table(
    "metrics",
    _field("image_id", _TEXT, "unique within its delivery"),
    _field("sha256", _TEXT, "of the file's bytes, hexadecimal"),
    *_RECIPE,
    _field("saliency_peak", _SHARE, "99.9th percentile of the network's raw probability", unit="probability"),
    _field("saliency_mean", _SHARE, "mean of the network's raw probability", unit="probability"),
    _field("coverage", _SHARE, "mean of the matte", unit="share of the image"),
    _field("soft_inside", _SHARE, "soft matte away from the contour", unit="share of the inside"),
    _field("components", pa.int32(), "separate parts of the matte of notable size", unit="count"),
    _field("frame_contact", _SHARE, "matte on the image's frame", unit="share of the frame"),
    _field("edge_alignment", _SHARE, "contour that coincides with an image edge (Canny)", unit="share of the contour"),
    _field("fringe", _SHARE, "CIELAB distance of the rim to the inside beside it", unit="ΔE*ab"),
    _field(
        "saliency_doubt",
        _SHARE,
        "1 minus the soft Dice of the network's probability with itself",
        unit="0..1",
        null=True,
    ),
    _field("matte_doubt", _SHARE, "the same of the matte", unit="0..1", null=True),
    _field(
        "worst_doubt",
        _SHARE,
        "entropy of the probability in the region that is least sure",
        unit="bit per pixel",
        null=True,
    ),
    _field("islands", _SHARE, "matte outside its largest part", unit="share of the matte", null=True),
    _field("thin", _SHARE, "matte close to its contour", unit="share of the matte", null=True),
    _field("holes", _SHARE, "holes of the matte", unit="share of the filled matte", null=True),
    _field("roughness", _SHARE, "how much longer the contour is than the smoothed one", unit="share of it", null=True),
    _field("edges_outside", _SHARE, "image edges beside the contour", unit="share of the contour", null=True),
    _field("background_known", _SHARE, "background that a smooth field of colour explains", unit="share", null=True),
    _field("left_behind", _SHARE, "parts of other colours beside the matte", unit="share of both", null=True),
    _field("taken_along", _SHARE, "matte with the colour of the background", unit="share of the matte", null=True),
    _field("filled_holes", _SHARE, "the same, enclosed by the product", unit="share of the matte", null=True),
    _field("shadow", _SHARE, "matte with the colour of the shaded background", unit="share of the matte", null=True),
    version=3,
)
"""What was measured on each matte without ground truth; one row per row of `MASKS`. From version 2 on the doubts, and
from version 3 on what is compared with the background and the contour."""

MEASUREMENTS: tuple[str, ...] = tuple(METRICS.names[METRICS.get_field_index("saliency_peak") :])
"""The columns of `METRICS` that were measured."""

REJECTIONS = _table(
    "rejections",
    *_WORK,
    _field("sha256", _TEXT, "of the file's bytes; null if unread; if not an image, as stated or of its URI", null=True),
    *_RECIPE,
    _field("stage", _TEXT, "prepare, infer or finish; process if its process ended"),
    _field("reason", _TEXT, "a RejectionReason"),
    _field("detail", _TEXT, "what was wrong with this file"),
    _field("retryable", pa.bool_(), "whether trying again can help"),
)
"""One row per image that could not be processed."""

LEDGER_PART = _field("part", _TEXT, "the part of the ledger that held the row before parts were joined")

JOINED = {
    name: pa.schema(
        [*schema, LEDGER_PART], metadata={"table": f"joined_{name}", "version": schema.metadata[b"version"].decode()}
    )
    for name, schema in {"masks": MASKS, "metrics": METRICS, "rejections": REJECTIONS}.items()
}
"""What several plans made, joined: the tables of the ledger with the part that each row comes from."""

DELIVERY = _table(
    "delivery",
    *_IMAGE[:3],
    _field("uri", _TEXT, "where the bytes are, without secrets"),
    *_IMAGE[4:7],
    _field("state", _TEXT, "known if the ledger has its result for the same content and recipe, else todo"),
    _field("content", _TEXT, "content of the known result: sha256, and the box; null if todo", null=True),
    _field("category", _TEXT, "the shop's own product category", null=True),
    _field("channels", _TEXT, "the renditions that are made of the image, separated by commas; null: all", null=True),
    _field("model", _TEXT, "the network of the image if the plan has several; null: the site's", null=True),
    version=4,
)
"""Every image of the delivery that one plan is about; the counts of a plan are checked against it."""

OUTCOMES = _table(
    "outcomes",
    _field("image_id", _TEXT, "unique within its delivery"),
    _field("product_id", _TEXT, "the product that the image shows"),
    _field("delivery_id", _TEXT, "one supplier's or one shoot's share of a manifest"),
    _field("uri", _TEXT, "where the bytes are, without secrets"),
    _field("sha256", _TEXT, "of the file's bytes; null if unread; if not an image, as stated or of its URI", null=True),
    *_RECIPE,
    _field("outcome", _TEXT, "published, quarantined, held, rejected or skipped"),
    _field("reasons", pa.list_(_TEXT), "why it was not published"),
    _field("mask", _TEXT, "object name", null=True),
    _field("cutout", _TEXT, "object name", null=True),
    _field("width_px", pa.int32(), "of the oriented source, the matte and the cutout", unit="px", null=True),
    _field("height_px", pa.int32(), "of the oriented source, the matte and the cutout", unit="px", null=True),
    _field("p_bad", _SHARE, "probability that a person would reject the mask", null=True),
    _field("calibration", _TEXT, "version of the calibration that p_bad is from", null=True),
    _field("notes", pa.list_(_TEXT), "notes for a person on how it was read"),
    version=2,
)
"""What the gate decided for each image of one delivery."""

IMAGES = _table(
    "images",
    _field("image_id", _TEXT, "unique within its delivery"),
    _field("delivery_id", _TEXT, "one supplier's or one shoot's share of a manifest"),
    _field("date", pa.date32(), "day of delivery; null if the manifest states none for this row", null=True),
    _field("source", _TEXT, "path relative to the source folder, or the uri without secrets"),
    _field("outcome", _TEXT, "published, quarantined, held, rejected or skipped"),
    _field("reasons", pa.list_(_TEXT), "why"),
    _field("cutout", _TEXT, "path relative to the output folder", null=True),
    _field("mask", _TEXT, "path relative to the output folder", null=True),
    _field("p_bad", _SHARE, "probability that a person would reject the mask", null=True),
    _field("notes", pa.list_(_TEXT), "notes for a person on how it was read"),
    version=2,
)
"""What `cutouts run` says of every image of its source; `date`, `delivery_id` and `image_id` together are unique."""

JUDGED_MASKS = _table(
    "judged_masks",
    _field("images", _TEXT, "the set that the image is of"),
    _field("name", _TEXT, "the image, unique within its set"),
    _field("network", _TEXT, "whose mask it is"),
    _field("matte_digest", _TEXT, "of the network's recipe"),
    _field("bad", pa.bool_(), "whether a person would reject the mask, by its true alpha"),
    *(METRICS.field(name).with_nullable(True) for name in MEASUREMENTS),
    _field("unsure", _SHARE, "1 minus the mean confidence, max(p, 1 - p), of the network", unit="0..1/2", null=True),
    _field("unstable", _SHARE, "of what the network gives at least 1/4, the part below 3/4", unit="share", null=True),
)
"""What the gate is calibrated on: masks of images with truth, what was measured on them, and what the probability is
compared with."""

_SUM = "thousand pixels"

EVALUATION = _table(
    "evaluation",
    _field("images", _TEXT, "the set that the image belongs to"),
    _field("network", _TEXT, "what was measured; null if the image itself could not be used", null=True),
    _field("name", _TEXT, "the image, unique within its set"),
    _field("mae", _REAL, "mean absolute error", unit="0..1", null=True),
    _field("precision", _REAL, "of the masks at one half", unit="0..1", null=True),
    _field("recall", _REAL, "of the masks at one half", unit="0..1", null=True),
    _field("f1", _REAL, "harmonic mean of precision and recall at one half", unit="0..1", null=True),
    _field("max_f", _REAL, "best F-measure (β² = 0.3) of 256 thresholds", unit="0..1", null=True),
    _field("mean_f", _REAL, "mean F-measure of 256 thresholds", unit="0..1", null=True),
    _field("adaptive_f", _REAL, "F-measure at twice the mean", unit="0..1", null=True),
    _field("s_measure", _REAL, "S-measure (Fan 2017)", unit="0..1", null=True),
    _field("max_e", _REAL, "best E-measure (Fan 2018) of 256 thresholds", unit="0..1", null=True),
    _field("mean_e", _REAL, "mean E-measure of 256 thresholds", unit="0..1", null=True),
    _field("adaptive_e", _REAL, "E-measure at twice the mean", unit="0..1", null=True),
    _field("weighted_f", _REAL, "weighted F-measure (Margolin 2014)", unit="0..1", null=True),
    _field("iou", _REAL, "intersection over union at one half", unit="0..1", null=True),
    _field("boundary_iou", _REAL, "boundary IoU (Cheng 2021), 2 % of the diagonal", unit="0..1", null=True),
    _field("sad", _REAL, "sum of absolute differences", unit=_SUM, null=True),
    _field("mse", _REAL, "mean squared error", unit="0..1", null=True),
    _field("gradient", _REAL, "gradient error (Rhemann 2009)", unit=_SUM, null=True),
    _field("connectivity", _REAL, "connectivity error (Rhemann 2009)", unit=_SUM, null=True),
    _field("lost", _REAL, "missing of the product", unit="share of the product", null=True),
    _field("taken_along", _REAL, "of the matte that is not product", unit="share of the matte", null=True),
    _field("largest_lost", _REAL, "largest missing part", unit="share of the product", null=True),
    _field("opened", _REAL, "ground in the product's holes that shows; null without a hole", unit="0..1", null=True),
    _field("mean", _REAL, "mean of the matte", unit="0..1", null=True),
    _field("area", _REAL, "matte at one half or more", unit="share of the image", null=True),
    _field("seconds", _REAL, "CPU time of the network's run; null if none ran", unit="s", null=True),
    _field("problem", _TEXT, "why there are no figures", null=True),
    version=2,
)
"""What `cutouts evaluate` measured on every image, a row per network."""

CATALOG_CHANGES = _table(
    "catalog_changes",
    _field("change", _TEXT, "added, ended, moved, stayed or taken back"),
    _field("image_id", _TEXT, "unique within its delivery"),
    _field("since", _COUNT, "publication that began the version; if taken back, that took it back", null=True),
    _field("product_id", _TEXT, "the product that the image shows", null=True),
    _field("delivery_date", pa.date32(), "last day on which exactly this was delivered", null=True),
    *(_field(name, _TEXT, "as in the catalogue", null=True) for name in ("sha256", "matte_digest", "render_digest")),
    *(_field(name, _TEXT, "object name", null=True) for name in ("mask", "cutout")),
    _field("width_px", pa.int32(), "of the oriented source, the matte and the cutout", unit="px", null=True),
    _field("height_px", pa.int32(), "of the oriented source, the matte and the cutout", unit="px", null=True),
    _field("publication_id", _COUNT, "publication that first made the version live", null=True),
)
"""What one publication changed in the catalogue. From these tables, its database can be rebuilt.

`added` versions have every column. `ended` ones were live until then. `moved` images were delivered again unchanged, so
their day moved; if there are `stayed` images or no `moved` ones, all live images but these moved. `taken back` versions
are all of the delivery that persons have taken back by then.
"""

TABLES = {
    schema.metadata[b"table"].decode(): schema
    for schema in (
        MANIFEST,
        SHARDS,
        MASKS,
        METRICS,
        REJECTIONS,
        *JOINED.values(),
        DELIVERY,
        OUTCOMES,
        IMAGES,
        EVALUATION,
        CATALOG_CHANGES,
    )
}
"""Each table by the name that its files carry."""


def version_of(schema: pa.Schema) -> int:
    """The version that a schema, or the file that it was read from, says it has; 0 if it says none."""
    return int((schema.metadata or {}).get(b"version", b"0"))
