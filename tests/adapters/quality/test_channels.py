"""The rules of marketplaces on files that were made to break them, one for each rule of each channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from cutouts.adapters.images.encoding import encode
from cutouts.adapters.images.finished import figures_of
from cutouts.adapters.quality.channels import channel_named, channels, violations
from cutouts.core.channels.figures import FileFigures
from cutouts.core.channels.rules import Channel, ChannelRule, parse_channel
from cutouts.core.errors import ConfigError
from cutouts.core.pixels import Bytes
from cutouts.core.renditions.drawing import Subject, draw
from cutouts.core.renditions.rendition import Rendition, parse_renditions
from cutouts.recipes import known_renditions

LATER = date(2027, 2, 1)
SIZES = {
    "amazon": (1000, 1000),
    "walmart": (1500, 1500),
    "zalando": (762, 1100),
    "aboutyou": (1500, 2000),
    "otto": (480, 960),
}
"""The smallest pictures that a channel accepts; 600 px for others."""


def product(width: int, height: int) -> Bytes:
    """A grey plaid block on white that fills 88 % of the frame, uint8 H×W×3."""
    image = np.full((height, width, 3), 255, np.uint8)
    across, down = round(0.88 * width), round(0.88 * height)
    block = 60 + 80 * ((np.indices((down, across)) // 20).sum(axis=0) % 2)
    top, left = (height - down) // 2, (width - across) // 2
    image[top : top + down, left : left + across] = block[..., None]
    return image


def saved(image: Bytes, form: str = "JPEG", **how: object) -> bytes:
    """The file of a picture, by Pillow."""
    stream = BytesIO()
    options = {"quality": 95, "subsampling": 0, "dpi": (300, 300)} if form == "JPEG" else {}
    picture = Image.fromarray(image, "CMYK") if form == "JPEG" and image.shape[-1] == 4 else Image.fromarray(image)
    picture.save(stream, form, **{**options, **how})
    return stream.getvalue()


def measured(data: bytes, name: str = "a.jpg") -> FileFigures:
    """The figures of a file."""
    return figures_of(data, name, max_pixels=10**8)


def good(channel: str) -> Bytes:
    """A picture that keeps every rule of a channel."""
    return product(*SIZES.get(channel, (600, 600)))


def with_line(image: Bytes) -> Bytes:
    """The picture with a black line along its upper border."""
    image[0] = 0
    return image


def cut_off(image: Bytes) -> Bytes:
    """The picture without its upper margin."""
    return np.ascontiguousarray(image[round(0.1 * image.shape[0]) :])


def off_white(image: Bytes) -> Bytes:
    """The picture with ground that is one level too dark in one place."""
    image[2:60, 2:60] = 254
    return image


def ringing(image: Bytes) -> Bytes:
    """The picture with ground that is two levels too dark 4 px beside the product."""
    top, left = (round(0.06 * side) for side in image.shape[:2])
    image[top + 40 : top + 90, left - 4] = 253
    return image


def small(image: Bytes) -> Bytes:
    """The picture with the product at a third of its size."""
    third = cv2.resize(image, None, fx=1 / 3, fy=1 / 3, interpolation=cv2.INTER_AREA)
    frame = np.full_like(image, 255)
    frame[100 : 100 + third.shape[0], 100 : 100 + third.shape[1]] = third
    return frame


def strip(length: int) -> bytes:
    """A PNG that is very long and 8 px high."""
    return saved(np.full((8, length, 3), 255, np.uint8), "PNG")


def animated(image: Bytes, form: str = "GIF") -> bytes:
    """A file of two frames."""
    return saved(image, form, save_all=True, append_images=[Image.fromarray(255 - image)])


BREAKERS: dict[str, Callable[[Bytes], FileFigures]] = {
    "format": lambda image: measured(cv2.imencode(".avif", image[:64, :64])[1].tobytes(), "a.avif"),
    "animated": lambda image: measured(animated(image), "a.gif"),
    "suffix_matches": lambda image: measured(saved(image[:64, :64]), "a.png"),
    "longest_px": lambda image: measured(saved(image[::8, ::8])),
    "shortest_px": lambda image: measured(saved(image[::16, ::16])),
    "width_px": lambda image: measured(saved(image[::8, ::8])),
    "height_px": lambda image: measured(saved(image[::8, ::8])),
    "sum_px": lambda _: measured(strip(15_001), "a.png"),
    "aspect": lambda image: measured(saved(image[:, : image.shape[1] // 2])),
    "bytes": lambda image: measured(saved(image[:64, :64]) + bytes(20_000_001)),
    "off_white": lambda image: measured(saved(off_white(image))),
    "off_white_near": lambda image: measured(saved(ringing(image), "PNG"), "a.png"),
    "fill": lambda image: measured(saved(small(image))),
    "cut_sides": lambda image: measured(saved(cut_off(image))),
    "line_sides": lambda image: measured(saved(with_line(image))),
    "colours": lambda image: measured(saved(image[..., 0])),
    "bits": lambda image: measured(cv2.imencode(".png", image[::4, ::4].astype(np.uint16) * 257)[1].tobytes(), "a.png"),
    "dpi": lambda image: measured(saved(image, dpi=(72, 72))),
    "transparent": lambda image: measured(saved(np.dstack([image, 255 - image[..., 0]])[::4, ::4], "PNG"), "a.png"),
    "sharpness": lambda image: measured(saved(np.asarray(cv2.GaussianBlur(image, (0, 0), 30), np.uint8))),
    "megapixels": lambda image: replace(measured(saved(image[:64, :64])), megapixels=64.1),
    "fill_area": lambda image: measured(saved(np.full_like(image[:64, :64], 255))),
    "source_cut_sides": lambda image: replace(measured(saved(image)), source_cut_sides=1),
}
"""A file that breaks the rules about a figure. Megapixels and the sides of the photograph are made as files: one
would have 64 megapixels, and the other depends on the photograph."""


def breaking(channel: Channel, name: str) -> FileFigures:
    """The figures of a file that breaks this rule of the channel."""
    rule = next(one for one in channel.rules if one.name == name)
    if rule.figure == "longest_px" and rule.min is None:
        return measured(strip(int(rule.max or 0) + 1), "a.png")
    if rule.name == "light-ground":
        return measured(saved(np.minimum(good(channel.channel)[::4, ::4], 190)))
    if rule.only_format == "PNG":
        return measured(saved(good(channel.channel)[:64, :64], "PNG") + bytes(4_000_001), "a.png")
    return BREAKERS[rule.figure](good(channel.channel))


@pytest.mark.parametrize("name", sorted(channels()))
def test_each_rule_refuses_the_file_that_breaks_it(name: str) -> None:
    """A good file breaks no critical rule; each broken one breaks its rule, with the figure and what is allowed."""
    channel = channel_named(name).on(LATER)
    rules = [rule.name for rule in channel.rules]
    found = violations(channel, [measured(saved(good(name))), *(breaking(channel, rule) for rule in rules)])
    assert [one.text for one in found[0] if one.severity == "critical"] == []
    for rule, broken in zip(channel.rules, found[1:], strict=True):
        (text,) = (one.text for one in broken if one.rule == rule.name)
        assert rule.words in text
        assert f"{rule.figure} is " in text
        assert "allowed: " in text
        assert ("could not be verified" in text) == (not rule.verified)


def beside(limit: float, step: float, figure: str) -> float:
    """The next value of a figure beyond a limit: a whole number if the figure counts something."""
    whole = isinstance(getattr(SOUND, figure), int)
    return float(round(limit + step)) if whole else limit + step * max(1e-6, abs(limit) * 1e-6)


SOUND = measured(saved(product(100, 100)))


def changed(figures: dict[str, Any]) -> FileFigures:
    """The figures of a sound file, with others instead."""
    return replace(SOUND, **figures)


def at_its_limits(rule: ChannelRule) -> tuple[list[float | str], list[float | str]]:
    """Values of its figure that keep the rule, and values that break it."""
    if rule.one_of is not None:
        return [*rule.one_of], ["", *(one.lower() for one in rule.one_of if one != one.lower())]
    limits = [(limit, step) for limit, step in ((rule.min, -1), (rule.max, 1)) if limit is not None]
    return [limit for limit, _ in limits], [beside(limit, step, rule.figure) for limit, step in limits]


@pytest.mark.parametrize("name", sorted(channels()))
def test_each_limit_is_exact(name: str) -> None:
    """A file that reaches the limit keeps the rule, and the next larger or smaller one breaks it; of words, only those
    that are named keep it."""
    files, expected = [], []
    for rule in channel_named(name).rules:
        for values, breaks in zip(at_its_limits(rule), (False, True), strict=True):
            files += [changed({"format": rule.only_format or "JPEG", rule.figure: value}) for value in values]
            expected += [(rule.name, breaks)] * len(values)
    found = violations(channel_named(name), files)
    for (rule_name, breaks), file, broken in zip(expected, files, found, strict=True):
        assert (rule_name in [one.rule for one in broken]) == breaks, (rule_name, file)


def rgba(image: Bytes) -> Bytes:
    """The picture with a transparent ground that is black where nobody sees it."""
    shown = np.asarray((image < 255).any(axis=2), np.bool_)
    return np.dstack([np.where(shown[..., None], image, 0), np.where(shown, 255, 0)]).astype(np.uint8)


def turned() -> Image.Exif:
    """What a camera writes that was turned by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


RIGHT: dict[str, Callable[[Bytes], tuple[bytes, str]]] = {
    "jpeg": lambda image: (saved(image), "A.JPEG"),
    "png": lambda image: (saved(image, "PNG", dpi=(96, 96)), "a.PNG"),
    "progressive": lambda image: (saved(image, quality=60, progressive=True), "a.jpg"),
    "turned": lambda image: (saved(np.ascontiguousarray(np.rot90(image)), exif=turned()), "a.jpg"),
}
"""Files that every channel accepts, if their size is right."""


@pytest.mark.parametrize("name", ["walmart", "otto", "shopify", "aboutyou"])
def test_files_that_are_right_are_accepted(name: str) -> None:
    """Of every format that the channel takes, turned by EXIF, progressive; with alpha if the ground may be so."""
    files = [make(good(name)) for make in RIGHT.values()]
    if name in ("shopify", "aboutyou", "otto"):
        files.append((saved(rgba(good(name)), "PNG", dpi=(300, 300)), "a.png"))
    figures = [measured(data, called) for data, called in files]
    found = violations(channel_named(name).on(LATER), figures)
    assert [[one.text for one in each if one.severity == "critical"] for each in found] == [[]] * len(files)


def with_ground(image: Bytes, *levels: int) -> Bytes:
    """The picture with another ground."""
    return np.where((image == 255).all(axis=2)[..., None], np.array(levels, np.uint8), image).astype(np.uint8)


WRONG: list[tuple[str, str, Callable[[Bytes], tuple[bytes, str]]]] = [
    ("walmart", "format", lambda image: (saved(image, "GIF"), "a.gif")),
    ("walmart", "format", lambda image: (saved(image, "WEBP"), "a.jpg")),
    ("walmart", "suffix", lambda image: (saved(image, "WEBP"), "a.jpg")),
    ("walmart", "format", lambda image: (saved(image, "TIFF"), "a.tif")),
    ("walmart", "suffix", lambda image: (saved(image, "PNG"), "a")),
    ("walmart", "white-ground", lambda image: (saved(with_ground(image, 255, 255, 254), "PNG"), "a.png")),
    ("walmart", "white-ground", lambda image: (saved(with_ground(image, 255, 253, 240)), "a.jpg")),
    ("walmart", "white-ground", lambda image: (saved(with_ground(image, 0, 0, 0)), "a.jpg")),
    ("walmart", "opaque", lambda image: (saved(rgba(image), "PNG"), "a.png")),
    ("walmart", "colours", lambda image: (saved(np.asarray(Image.fromarray(image).convert("CMYK"))), "a.jpg")),
    ("walmart", "colours", lambda image: (saved(image, "GIF"), "a.gif")),
    ("walmart", "square", lambda image: (saved(image[:-1]), "a.jpg")),
    ("walmart", "product", lambda image: (saved(np.full_like(image, 255)), "a.jpg")),
    ("otto", "format", lambda image: (saved(image, "BMP"), "a.bmp")),
    ("otto", "colours", lambda image: (saved(image[..., 0]), "a.jpg")),
    ("otto", "fill", lambda image: (saved(np.pad(image, ((60, 60), (60, 60), (0, 0)), constant_values=255)), "a.jpg")),
    ("otto", "fill", lambda image: (saved(np.full_like(image, 255)), "a.jpg")),
    ("shopify", "format", lambda image: (saved(image, "BMP"), "a.png")),
    ("shopify", "suffix", lambda image: (saved(image, "GIF"), "a.png")),
    ("shopify", "product", lambda image: (saved(np.full_like(image, 200)), "a.jpg")),
    ("aboutyou", "density", lambda image: (saved(image, "PNG"), "a.png")),
    ("aboutyou", "density", lambda image: (saved(image, dpi=(300, 95)), "a.jpg")),
    ("aboutyou", "density", lambda image: (saved(image, dpi=(0, 0)), "a.jpg")),
    ("aboutyou", "aspect", lambda image: (saved(image), "a.jpg")),
    ("aboutyou", "white-ground", lambda image: (saved(with_ground(image, 200, 200, 200)), "a.jpg")),
    ("aboutyou", "white-ground", lambda image: (saved(np.dstack([0 * image, 0 * image[..., 0] + 3]), "PNG"), "a.png")),
    ("aboutyou", "product", lambda image: (saved(0 * np.dstack([image, image[..., 0]]), "PNG"), "a.png")),
    ("aboutyou", "png-bytes", lambda image: (saved(image, "PNG") + bytes(4_000_000), "a.jpg")),
    ("aboutyou", "jpeg-bytes", lambda image: (saved(image) + bytes(2_000_000), "a.png")),
]
"""Small files that break a critical rule of a channel in one way of many."""


@pytest.mark.parametrize("name", ["walmart", "otto", "shopify", "aboutyou"])
def test_every_way_of_breaking_a_rule_is_found(name: str) -> None:
    """Whatever else is wrong with the file, the rule is among those that it breaks."""
    wrong = [(rule, *make(product(120, 120))) for channel, rule, make in WRONG if channel == name]
    figures = [measured(data, called) for _, data, called in wrong]
    for (rule, _, called), found in zip(wrong, violations(channel_named(name).on(LATER), figures), strict=True):
        assert rule in [one.rule for one in found if one.severity == "critical"], called


def test_a_violation_names_the_pixel() -> None:
    """The place of the ground that is not white is in the message."""
    image = good("amazon")
    image[40:44, 30:34] = 250
    (found,) = violations(channel_named("amazon"), [measured(saved(image, "PNG"), "a.png")])
    (text,) = (one.text for one in found)
    assert "white-ground" in text
    assert "off_white is 5, at pixel 30, 40" in text


@pytest.mark.parametrize("width", [1, 5])
@pytest.mark.parametrize("sides", [1, 2, 4])
def test_lines_on_several_sides_are_lines(width: int, sides: int) -> None:
    """A frame on all sides is not taken for the ground of everything inside of it; a picture without one has none."""
    image = good("google")
    assert measured(saved(image)).line_sides == 0
    for line in (image[:width], image[-width:], image[:, :width], image[:, -width:])[:sides]:
        line[:] = 30
    figures = measured(saved(image))
    assert figures.line_sides == sides
    assert "line_sides" in figures.places


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("away", [1, 8, 16])
def test_a_frame_with_ground_around_it_is_found(away: int, form: str) -> None:
    """It is not the outline of a product that fills the picture, however pale it is."""
    for level in (0, 235):
        image = good("amazon")
        cv2.rectangle(image, (away, away), (999 - away, 999 - away), (level,) * 3, 2)
        assert measured(saved(image, form)).line_sides == 4


def test_a_rectangular_product_that_fills_its_picture_has_no_frame() -> None:
    """The narrow white ground around a book is not a line."""
    image = np.full((1000, 1000, 3), 255, np.uint8)
    image[15:985, 15:985] = 70
    assert measured(saved(image, "PNG")).line_sides == 0


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_every_kind_of_animation_is_found(form: str) -> None:
    """A still file of the same format is none, and the preview in a camera's JPEG does not move."""
    image = product(64, 64)
    assert measured(animated(image, form)).animated == "yes"
    assert measured(saved(image, form)).animated == "no"
    assert measured(animated(image, "MPO")).animated == "no"


def test_alpha_without_transparent_ground_does_not_hide_the_ground() -> None:
    """One pixel that is not quite opaque changes nothing; where the ground is transparent, alpha says what it is."""
    image, alpha = with_ground(good("aboutyou"), 200, 200, 200), np.full(good("aboutyou").shape[:2], 255, np.uint8)
    alpha[700, 700] = 254
    figures = measured(saved(np.dstack([image, alpha]), "PNG"), "a.png")
    assert (figures.off_white, figures.line_sides, round(figures.fill, 2)) == (55, 0, 0.88)
    assert measured(saved(rgba(good("aboutyou")), "PNG"), "a.png").off_white == 0


def test_the_tolerance_of_white_is_a_setting() -> None:
    """By default 254 is refused; with a tolerance of 1 it passes."""
    figures = [measured(saved(off_white(good("amazon"))))]
    exact, tolerant = (channel_named("amazon").on(LATER, white_tolerance=levels) for levels in (0, 1))
    assert [one.rule for one in violations(exact, figures)[0] if one.severity == "critical"] == ["white-ground"]
    assert [one.severity for one in violations(tolerant, figures)[0] if one.severity == "critical"] == []
    beside = [measured(saved(ringing(good("amazon")), "PNG"), "a.png")]
    (found,) = violations(exact, beside)
    assert [(one.rule, one.severity) for one in found] == [("white-beside-product", "warning")]
    assert "off_white_near is 2, at pixel" in found[0].text
    assert violations(channel_named("amazon").on(LATER, white_tolerance=2), beside) == [()]


def test_rules_have_days() -> None:
    """Google asks for 500 px from 2027-01-31, and for 250 px before."""
    figures = [measured(saved(good("google")[::2, ::2]))]
    before, after = (channel_named("google").on(day) for day in (date(2027, 1, 30), date(2027, 1, 31)))
    assert "smallest-size" not in {one.rule for one in violations(before, figures)[0]}
    assert "smallest-size" in {one.rule for one in violations(after, figures)[0]}
    assert before.digest != after.digest


def test_a_changed_measurement_is_like_a_changed_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is live is checked again by it."""
    before = channel_named("google").digest
    monkeypatch.setattr("cutouts.core.channels.rules.FIGURES_METHOD", "figures of tomorrow")
    assert channel_named("google").digest != before


def test_white_inside_a_product_is_not_its_ground() -> None:
    """A pale product on white passes: only what is connected to the border is ground."""
    image = good("amazon")
    image[300:600, 300:600] = 250
    assert violations(channel_named("amazon"), [measured(saved(image, "PNG"), "a.png")]) == [()]


@pytest.mark.parametrize("name", [name for name, one in known_renditions().items() if one.rules])
def test_the_shipped_renditions_keep_the_rules_of_their_channel(name: str) -> None:
    """A large coloured product with a soft edge breaks no critical rule. Right beside it the file is white, too, if the
    channel asks for it; a usual JPEG would not be."""
    rendition: Rendition = known_renditions()[name]
    alpha = np.zeros((2000, 1400), np.uint8)
    cv2.ellipse(alpha, (700, 1000), (600, 990), 0, 0, 360, 255, -1, cv2.LINE_AA)
    rgb = np.repeat(product(1400, 2000)[..., :1] // 2, 3, axis=2) + np.array([90, 0, 30], np.uint8)
    picture = draw(Subject(rgba=np.dstack([rgb, alpha])), rendition)
    assert picture is not None
    data = encode(picture.pixels, rendition).data
    channel = channel_named(rendition.rules or "").on(LATER)
    (found,) = violations(channel, [measured(data, f"a{rendition.suffix}")])
    assert [one.text for one in found if one.severity == "critical"] == []
    assert "white-beside-product" not in [one.rule for one in found]
    usual = rendition.model_copy(update={"exact_white": False})
    (rings,) = violations(channel, [measured(encode(picture.pixels, usual).data, f"a{rendition.suffix}")])
    asked = [rule.name for rule in channel.rules if rule.name == "white-beside-product"]
    assert [one.rule for one in rings if one.rule == "white-beside-product"] == asked


@pytest.mark.parametrize("name", ["amazon-main", "walmart-main", "zalando-packshot", "aboutyou-main"])
def test_a_pale_product_with_a_soft_edge_keeps_the_rules_of_its_channel(name: str) -> None:
    """Its edge fades into the white, and is white where nobody can tell it from white."""
    rendition: Rendition = known_renditions()[name]
    alpha = np.zeros((2600, 1800), np.uint8)
    cv2.ellipse(alpha, (900, 1300), (700, 1150), 0, 0, 360, 255, -1, cv2.LINE_AA)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 9), np.uint8)
    rgb = np.full((2600, 1800, 3), 238, np.uint8)
    rgb[1000:1600, 600:1200] = (120, 30, 60)
    picture = draw(Subject(rgba=np.dstack([rgb, alpha])), rendition)
    assert picture is not None
    (found,) = violations(
        channel_named(rendition.rules or "").on(LATER),
        [measured(encode(picture.pixels, rendition).data, f"a{rendition.suffix}")],
    )
    assert [one.text for one in found if one.severity == "critical"] == []


def test_limits_are_written_out() -> None:
    """Two megabytes are 2,000,000 and not 2e+06."""
    data = saved(good("aboutyou"))
    data = data[:2] + (b"\xff\xfe\xfd\xea" + bytes(65_000)) * 40 + data[2:]
    (found,) = violations(channel_named("aboutyou").on(LATER), [measured(data)])
    (text,) = (one.text for one in found if one.rule == "jpeg-bytes")
    assert "allowed: at most 2,000,000" in text


def test_wrong_rules_are_listed_at_once() -> None:
    """Unknown figures, missing limits and unknown channels are errors that say what is known."""
    source = {"source": "s", "stated": "undated", "verified": True}
    rules = [{"name": "a", "words": "w", "figure": "smell", "max": 1, **source}]
    rules.append({"name": "b", "words": "w", "figure": "fill", **source})
    with pytest.raises(ConfigError) as error:
        parse_channel({"channel": "x", "about": "y", "rules": rules}, "x.toml")
    assert "unknown figure 'smell'" in str(error.value)
    assert "give min, max or both" in str(error.value)
    with pytest.raises(ConfigError, match="known are aboutyou, amazon"):
        channel_named("etsy")
    assert parse_renditions({"a": {"rules": "amazon"}}, "here")["a"].rules == "amazon"
