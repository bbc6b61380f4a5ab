"""`cutouts.cut` and `Cutter` as a program uses them."""

from __future__ import annotations

import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cutouts
from cutouts.adapters.images import decode
from cutouts.adapters.model import ModelChoice, Network, open_network
from cutouts.api import matting
from cutouts.api.cutter import Made
from cutouts.api.inputs import Input, of_file, only, read_file
from cutouts.api.matting import matted
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, ModelError, OutputError, StorageError
from cutouts.core.pixels import Bytes
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.stages import Prepared, cores, job_of
from cutouts.stages.memory_budget import process_memory
from tests.models_folder import site_with_picky
from tests.photographs import blank, broken, product


def pixels(path: Path) -> Bytes:
    """The colours of an image file, H×W×3."""
    return decode(path.read_bytes(), max_pixels=10**8).rgb


def test_a_path_bytes_an_array_and_a_pillow_image_give_the_same_result(tmp_path: Path) -> None:
    """Only the pixels count."""
    photograph = product(tmp_path / "ball.png")
    first = cutouts.cut(photograph)
    with Image.open(photograph) as image:
        others: list[Any] = [str(photograph), photograph.read_bytes(), pixels(photograph), image]
        for other in others:
            assert np.array_equal(cutouts.cut(other).rgba, first.rgba)


def test_a_cutout_has_colours_and_a_matte_at_the_size_of_the_photograph(tmp_path: Path) -> None:
    """`rgba` is uint8 H×W×4, transparent outside and opaque inside; `matte` is its alpha."""
    cutout = cutouts.cut(product(tmp_path / "ball.jpg", size=200))
    assert (cutout.rgba.shape, cutout.matte.shape) == ((200, 200, 4), (200, 200))
    assert cutout.rgba.dtype == cutout.matte.dtype == np.uint8
    assert np.array_equal(cutout.rgba[..., 3], cutout.matte)
    assert (cutout.matte[0, 0], cutout.matte[100, 100], cutout.found, cutout.notes) == (0, 255, True, ())


def test_a_cropped_cutout_holds_only_what_was_found(tmp_path: Path) -> None:
    """Every side of it touches the product."""
    cutout = cutouts.cut(product(tmp_path / "ball.jpg", size=200), crop=True)
    assert cutout.rgba.shape[:2] == cutout.matte.shape
    assert max(cutout.matte.shape) < 180
    assert all(side.any() for side in (cutout.matte[0], cutout.matte[-1], cutout.matte[:, 0], cutout.matte[:, -1]))


def test_an_image_without_a_product_gives_a_transparent_cutout(tmp_path: Path) -> None:
    """It has the image's own size, cropped or not."""
    cutout = cutouts.cut(blank(tmp_path / "plain.jpg"), crop=True)
    assert not cutout.found
    assert cutout.rgba.shape == (160, 160, 4)
    assert not cutout.rgba.any()


def test_a_pillow_image_is_rotated_as_its_exif_says(tmp_path: Path) -> None:
    """The same picture has the same orientation as a file and when opened by Pillow."""
    photograph = product(tmp_path / "ball.png", size=200)
    with Image.open(photograph) as image:
        wide = image.crop((0, 20, 200, 180))
        exif = Image.Exif()
        exif[0x0112] = 6
        wide.save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as turned:
        cutout = cutouts.cut(turned)
    assert cutout.rgba.shape == (200, 160, 4)
    assert np.array_equal(cutout.rgba, cutouts.cut(tmp_path / "turned.png").rgba)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I;16", "I;16B"])
def test_every_pillow_mode_with_a_fixed_range_is_accepted(tmp_path: Path, mode: str) -> None:
    """The cutout has the image's own size, and existing alpha is kept."""
    with Image.open(product(tmp_path / "ball.png")) as image:
        if mode.startswith("I;16"):
            grey = np.asarray(image.convert("L")).astype(">u2" if mode == "I;16B" else "<u2") * 257
            given = Image.frombytes(mode, image.size, grey.tobytes())
        else:
            given = image.convert(mode)
    if mode == "RGBA":
        given.putalpha(0)
    cutout = cutouts.cut(given)
    assert cutout.rgba.shape == (160, 160, 4)
    assert cutout.found == (mode != "RGBA")


def test_a_transparent_value_of_16_bit_grey_is_transparent_and_nothing_else_is(tmp_path: Path) -> None:
    """As in the file that Pillow opened."""
    with Image.open(product(tmp_path / "ball.png")) as image:
        grey = np.asarray(image.convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(tmp_path / "grey.png", transparency=int(grey[0, 0]))
    with Image.open(tmp_path / "grey.png") as image:
        assert image.info["transparency"] == grey[0, 0]
        cutout = cutouts.cut(image)
    assert cutout.found
    assert np.array_equal(cutout.rgba, cutouts.cut(tmp_path / "grey.png").rgba)


def test_the_profile_of_a_pillow_image_is_applied(tmp_path: Path) -> None:
    """Colours of another space are converted to sRGB, as for a file."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    with Image.open(product(tmp_path / "ball.png")) as image:
        image.save(tmp_path / "tagged.png", icc_profile=profile)
    with Image.open(tmp_path / "tagged.png") as tagged:
        cutout = cutouts.cut(tagged)
    of_file = cutouts.cut(tmp_path / "tagged.png")
    assert cutout.notes == of_file.notes
    assert cutout.notes
    assert np.array_equal(cutout.rgba, of_file.rgba)


def test_a_16_bit_array_is_scaled_to_8_bit(tmp_path: Path) -> None:
    """In either byte order. Alpha in a fourth plane multiplies the matte."""
    eight = pixels(product(tmp_path / "ball.png"))
    for order in ("<u2", ">u2"):
        sixteen = (eight.astype(np.uint16) * 257).astype(order)
        assert np.array_equal(cutouts.cut(sixteen).rgba, cutouts.cut(eight).rgba)
    hidden = np.dstack([eight, np.zeros(eight.shape[:2], np.uint8)])
    assert not cutouts.cut(hidden).found


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((64, 64, 3)), "float64"),
        (np.zeros((64, 64, 2), np.uint8), r"\(64, 64, 2\)"),
        (np.zeros((), np.uint8), r"the shape \(\)"),
        (np.zeros((4, 64), np.uint8), "too small"),
        (np.zeros((64, 64), bool), "bool"),
    ],
)
def test_an_array_that_is_not_a_photograph_is_refused_with_a_message(array: Bytes, words: str) -> None:
    """The message says what was given and what is expected."""
    with pytest.raises(cutouts.ImageRejected, match=words):
        cutouts.cut(array)


def test_a_pillow_image_without_a_fixed_range_is_refused() -> None:
    """The level of white in a float image is unknown."""
    with pytest.raises(cutouts.ImageRejected, match="mode F: convert it to L, RGB"):
        cutouts.cut(Image.new("F", (64, 64)))


def test_arguments_may_come_from_an_array(tmp_path: Path) -> None:
    """A box and a truth value of NumPy are those of Python."""
    photograph = product(tmp_path / "ball.png")
    box = np.array([20, 20, 120, 140])
    cutout = cutouts.cut(photograph, box=tuple(box), crop=np.bool_(box.any()))  # type: ignore[arg-type]
    assert np.array_equal(cutout.rgba, cutouts.cut(photograph, box=(20, 20, 120, 140), crop=True).rgba)


@pytest.mark.parametrize("box", [(0, 0, 9), (0, 0, 9, 9, 9), (0.5, 0, 9, 9), (9, 9, 0, 0), "0,0,9,9"])
def test_a_wrong_box_is_an_error_of_the_call_and_not_of_the_image(tmp_path: Path, box: Any) -> None:
    """The message says what was given."""
    with pytest.raises(ValueError, match="is not a box: "):
        cutouts.cut(product(tmp_path / "ball.png"), box=box)


def test_any_other_object_is_a_type_error() -> None:
    """It is Python's own error for an argument of the wrong type."""
    with pytest.raises(TypeError, match="expected a path, bytes, a NumPy array or a Pillow image, not int"):
        cutouts.cut(3)  # type: ignore[arg-type]


def test_an_open_file_is_a_type_error_that_says_what_to_pass() -> None:
    """Its bytes can be cut; where it was already read to, and who closes it, are not our business."""
    with pytest.raises(TypeError, match=r"not BytesIO; pass the bytes that its read\(\) returns"):
        cutouts.cut(io.BytesIO(b""))  # type: ignore[arg-type]


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the settings, wherever a path is passed. No folder with the name `~` is made."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    product(tmp_path / "home" / "photos" / "ball.png")
    cutouts.cut("~/photos/ball.png").save("~/ball.png")
    cutouts.Cutter(inside="~/photos").cut_file("~/photos/ball.png", "~/pngs/ball.png")
    assert cutouts.run("~/photos", "~/result", site=cutouts.Site(cluster="serial")).images == 1
    assert sorted(one.name for one in (tmp_path / "home").iterdir()) == ["ball.png", "photos", "pngs", "result"]
    assert [*(tmp_path / "here").iterdir()] == []
    (tmp_path / "home" / "site.toml").write_text('root = "~/result"\ncluster = "serial"')
    day = next((tmp_path / "home" / "result" / "manifest").iterdir()).name.removeprefix("date=")
    delivery = cutouts.DeliveryKey.parse(f"{day}/photos")
    assert cutouts.plan(cutouts.load_site("~/site.toml"), "~/result/manifest", delivery).known == 1
    assert cutouts.Site(root="~/site", allowed_sources=("~/photos",)) == cutouts.Site(
        root=str(tmp_path / "home" / "site"), allowed_sources=(str(tmp_path / "home" / "photos"),)
    )


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", RejectionReason.EMPTY), (b"Dear customer,", RejectionReason.NOT_AN_IMAGE)]
)
def test_a_bad_image_is_rejected_with_its_reason(data: bytes, reason: RejectionReason) -> None:
    """Every problem with an image raises one kind of error, below the common base class."""
    with pytest.raises(cutouts.ImageRejected) as caught:
        cutouts.cut(data)
    assert caught.value.reason is reason
    assert isinstance(caught.value, cutouts.CutoutsError)


def test_a_missing_or_cut_off_file_is_rejected(tmp_path: Path) -> None:
    """It raises the same kind of error as other bad images."""
    for path, reason in (
        (tmp_path / "none.jpg", RejectionReason.MISSING),
        (broken(tmp_path / "half.jpg"), RejectionReason.TRUNCATED),
    ):
        with pytest.raises(cutouts.ImageRejected) as caught:
            cutouts.cut(path)
        assert caught.value.reason is reason


def test_a_name_that_looks_like_a_url_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is ever fetched."""
    monkeypatch.chdir(tmp_path)
    photograph = product(tmp_path / "https:" / "example.org" / "a.jpg")
    assert cutouts.cut("https://example.org/a.jpg").found
    assert cutouts.cut(os.path.relpath(photograph)).found
    with pytest.raises(cutouts.ImageRejected, match=r"https://example\.org/b\.jpg is a URL, and none is fetched"):
        cutouts.cut("https://example.org/b.jpg")


def test_a_link_is_followed_unless_it_leaves_the_allowed_folder(tmp_path: Path) -> None:
    """A file that the user names is read wherever it leads; `inside` forbids links out of that folder."""
    private = product(tmp_path / "private" / "a.jpg")
    (tmp_path / "delivery").mkdir()
    link = tmp_path / "delivery" / "a.jpg"
    link.symlink_to(private)
    assert cutouts.cut(link).found
    cutter = cutouts.Cutter(inside=tmp_path / "delivery")
    for call in (lambda: cutter.cut(link), lambda: cutter.cut_file(link, tmp_path / "a.png")):
        with pytest.raises(cutouts.ImageRejected) as caught:
            call()
        assert caught.value.reason is RejectionReason.NOT_ALLOWED


def test_wrong_settings_are_reported_before_any_image(tmp_path: Path) -> None:
    """For an unknown provider or model the error lists what is available."""
    with pytest.raises(ConfigError, match="provider"):
        cutouts.Cutter(provider="gpu")
    with pytest.raises(ModelError, match="unknown model 'nonet'; the table has default"):
        cutouts.Cutter(model="nonet", site=cutouts.Site(root=str(tmp_path)))


def test_saving_writes_a_png_and_creates_its_folder(tmp_path: Path) -> None:
    """Saving again replaces it, and the matte is a grey PNG."""
    cutout = cutouts.cut(product(tmp_path / "ball.jpg"))
    for _ in range(2):
        cutout.save(tmp_path / "new" / "ball.png")
    with Image.open(tmp_path / "new" / "ball.png") as saved:
        assert np.array_equal(np.asarray(saved), cutout.rgba)
    cutout.save(tmp_path / "matte.png", mask=True)
    with Image.open(tmp_path / "matte.png") as saved:
        assert np.array_equal(np.asarray(saved), cutout.matte)


def test_saving_never_replaces_a_file_that_cutouts_did_not_write(tmp_path: Path) -> None:
    """It replaces neither the photograph, under any name, nor another file."""
    photograph = product(tmp_path / "ball.png")
    (tmp_path / "link.png").hardlink_to(photograph)
    (tmp_path / "mine.png").write_bytes(b"mine")
    before = photograph.read_bytes()
    cutout = cutouts.cut(photograph)
    for name in ("ball.png", "link.png", "mine.png"):
        with pytest.raises(OutputError, match="nothing was written"):
            cutout.save(tmp_path / name)
    assert photograph.read_bytes() == before
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


def test_saving_as_anything_but_png_is_refused(tmp_path: Path) -> None:
    """A name that ends in .jpg would hold a PNG."""
    with pytest.raises(OutputError, match=r"only PNG is written: name ball\.png"):
        cutouts.cut(product(tmp_path / "ball.jpg")).save(tmp_path / "ball.jpg")


def test_saving_to_an_impossible_path_is_an_error(tmp_path: Path) -> None:
    """A file has no folders below it, and a name may be too long."""
    cutout = cutouts.cut(product(tmp_path / "ball.jpg"))
    with pytest.raises((StorageError, OutputError), match=r"ball\.jpg/a\.png"):
        cutout.save(tmp_path / "ball.jpg" / "a.png")
    with pytest.raises(OutputError, match="File name too long"):
        cutout.save(tmp_path / f"{'a' * 300}.png")


def test_an_up_to_date_file_is_not_written_again(tmp_path: Path) -> None:
    """`cut_file` and `save` write the same PNG, which states what it was made from."""
    photograph, png = product(tmp_path / "ball.jpg"), tmp_path / "ball.png"
    cutter = cutouts.Cutter()
    cutter.cut(photograph).save(png)
    first = png.read_bytes()
    assert cutter.cut_file(photograph, png).made is Made.UP_TO_DATE
    assert cutter.cut_file(photograph, png, mask=True).made is Made.CUT
    assert cutter.cut_file(photograph, png).made is Made.CUT
    assert png.read_bytes() == first
    assert cutouts.Cutter(crop=True).cut_file(photograph, png).made is Made.CUT


def test_cutting_a_file_never_replaces_it(tmp_path: Path) -> None:
    """This holds even if a PNG is cut onto itself."""
    photograph = product(tmp_path / "ball.png")
    before = photograph.read_bytes()
    with pytest.raises(OutputError, match="is an input"):
        cutouts.Cutter().cut_file(photograph, photograph)
    assert photograph.read_bytes() == before


def test_a_single_image_has_all_cores_and_several_one_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pixels are the same. A number of threads that the program gives is used as it is."""
    opened = list[int]()

    def opening(choice: ModelChoice) -> Network:
        opened.append(choice.threads)
        return open_network(choice)

    monkeypatch.setattr(cores, "machine_cores", lambda: 3)
    monkeypatch.setattr(matting, "open_network", opening)
    photograph, job = product(tmp_path / "ball.jpg"), job_of(Site())
    given = of_file(read_file(photograph, only(photograph, job.reading)), job)

    def alone() -> Bytes:
        return matted(given, job, lambda _, matte: matte)

    first = alone()
    beside = matted(given, job, lambda _, matte: (matte, alone()))
    assert opened == [3, 3, 1]
    matted(given, job, lambda *_: None, threads=2)
    assert (opened[3:], len(first)) == ([2], 160)
    assert all(np.array_equal(first, other) for other in beside)


@pytest.mark.parametrize("threads", [0, -1, 2.0, "2", 100_000])
def test_a_number_of_threads_is_a_whole_number_that_a_machine_can_start(threads: Any) -> None:
    """A wrong one is refused before any image."""
    with pytest.raises(ValueError, match=r"threads: expected a whole number from 1 to 1024, or None, not "):
        cutouts.Cutter(threads=threads)


def test_threads_can_share_one_cutter(tmp_path: Path) -> None:
    """Eight threads with one network give the same result as one thread."""
    photographs = [product(tmp_path / f"{seed}.jpg", seed=seed) for seed in range(8)]
    cutter = cutouts.Cutter()
    alone = [cutter.cut(one).rgba for one in photographs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: cutter.cut(one).rgba, photographs))
    assert all(np.array_equal(*pair) for pair in zip(alone, together, strict=True))


def test_an_image_that_needs_more_memory_than_is_allowed_is_rejected(tmp_path: Path) -> None:
    """It is rejected by its header before it is decoded, whether given as a file or as pixels."""
    photograph = product(tmp_path / "ball.png")
    cutter = cutouts.Cutter(site=cutouts.Site(root=str(tmp_path), max_memory=1_000_000))
    for image in (photograph, pixels(photograph)):
        with pytest.raises(cutouts.ImageRejected, match="raise max_memory") as caught:
            cutter.cut(image)
        assert caught.value.reason is RejectionReason.NEEDS_MEMORY


def test_the_memory_of_an_image_is_reserved_while_it_is_worked_on(tmp_path: Path) -> None:
    """An image that needs more than is left waits; afterwards all memory is free again."""
    job = job_of(cutouts.Site(root=str(tmp_path), max_memory=1000))
    free: list[bool] = []

    def decoded() -> Prepared:
        free.append(process_memory.try_take(1))
        raise cutouts.ImageRejected(RejectionReason.DAMAGED, "seen enough")

    with pytest.raises(cutouts.ImageRejected, match="seen enough"):
        matted(Input(needed=1000, decode=decoded), job, lambda *_: None)
    assert free == [False]
    assert process_memory.try_take(1000)
    process_memory.give_back(1000)


def test_an_image_that_ran_out_of_memory_is_retried_alone(tmp_path: Path) -> None:
    """No other image is worked on at the second try; if that fails too, the image is rejected."""
    job = job_of(cutouts.Site(root=str(tmp_path), max_memory=1000))
    tried: list[bool] = []

    def decoded() -> Prepared:
        tried.append(process_memory.try_take(0))
        raise cutouts.ImageRejected(RejectionReason.NEEDS_MEMORY, "none left", retryable=True)

    with pytest.raises(cutouts.ImageRejected, match="none left"):
        matted(Input(needed=10, decode=decoded), job, lambda *_: None)
    assert tried == [True, False]


def test_a_missing_onnx_runtime_is_an_error_with_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The base installs none, so the error names the extras that do."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    cutter = cutouts.Cutter(model="picky", site=site_with_picky(tmp_path / "models", limit=200))
    with pytest.raises(ModelError, match="install cutouts with its extra cpu, or gpu"):
        cutter.cut(product(tmp_path / "ball.jpg"))


def test_a_network_that_fails_on_every_image_is_not_a_rejection(tmp_path: Path) -> None:
    """It is an error of the network; a failure on one image alone is a rejection."""
    grey = io.BytesIO()
    Image.new("RGB", (40, 40), (220, 220, 220)).save(grey, "PNG")
    for limit, kind in ((0, ModelError), (200, cutouts.ImageRejected)):
        cutter = cutouts.Cutter(model="picky", site=site_with_picky(tmp_path / str(limit), limit=limit))
        with pytest.raises(kind):
            cutter.cut(grey.getvalue())
