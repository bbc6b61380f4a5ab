"""Damage is detected: a decoder's warnings become a rejection or a note, and nothing reaches stderr."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from cutouts.adapters.images import decode
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes, Photograph
from cutouts.core.rejection_reasons import RejectionReason
from tests.adapters.pictures import exif, scene, written

BROKEN = (RejectionReason.DAMAGED, RejectionReason.TRUNCATED)


def read(data: bytes, max_pixels: int = 1_000_000) -> Photograph:
    """`data` decoded with ample memory."""
    return decode(data, max_pixels=max_pixels)


def refusal(data: bytes, max_pixels: int = 1_000_000) -> ImageRejected:
    """The rejection of `data`."""
    with pytest.raises(ImageRejected) as caught:
        read(data, max_pixels)
    return caught.value


def markers(data: bytes, code: int) -> list[int]:
    """The offsets of that marker."""
    return [place for place in range(len(data) - 1) if data[place] == 0xFF and data[place + 1] == code]


def detailed(width: int = 200, height: int = 160) -> Bytes:
    """A picture with details in every corner."""
    noise = np.random.default_rng(3).integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    return np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))


def flipped(data: bytes, count: int = 40) -> list[bytes]:
    """`data` with one bit changed, in the second half of the file, at many places."""
    random = np.random.default_rng(8)
    places = random.integers(len(data) // 2, len(data) - 16, count)
    return [data[:at] + bytes((data[at] ^ 1 << int(random.integers(8)),)) + data[at + 1 :] for at in places]


def verdict(data: bytes) -> RejectionReason | None:
    """Why `data` is refused, or None if it is accepted."""
    try:
        read(data)
    except ImageRejected as error:
        return error.reason
    return None


@pytest.mark.parametrize("scans", [1, 3, 6, 9])
def test_a_progressive_jpeg_without_its_last_scans_is_refused(scans: int) -> None:
    """An end marker after the scans that arrived does not hide that the picture is blurred."""
    data = written(detailed(), "JPEG", progressive=True)
    starts = markers(data, 0xDA)
    assert len(starts) == 10
    rejection = refusal(data[: starts[scans]] + b"\xff\xd9")
    assert rejection.reason is RejectionReason.TRUNCATED
    assert "blurred" in rejection.detail
    within = (starts[scans - 1] + starts[scans]) // 2
    assert refusal(data[:within] + b"\xff\xd9").reason in BROKEN


@pytest.mark.parametrize(("form", "options", "share"), [
    ("JPEG", {"quality": 90}, 0.15),
    ("JPEG", {"quality": 90, "restart_marker_blocks": 4}, 0.1),
    ("WEBP", {"quality": 85}, 0.9),
    ("AVIF", {"quality": 80}, 0.9),
    ("HEIF", {"quality": 80}, 0.75),
    ("GIF", {}, 0.25),
    ("PNG", {}, 1.0),
])  # fmt: skip
def test_flipped_bits_are_detected_as_far_as_the_format_allows(
    form: str, options: dict[str, Any], share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each format has its rate, since a flipped bit in a JPEG is often another valid code."""
    data = written(detailed(), form, **options)
    read(data)
    verdicts = [verdict(damaged) for damaged in flipped(data)]
    assert set(verdicts) <= {None, *BROKEN}
    assert sum(reason is not None for reason in verdicts) >= 40 * share
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("progressive", [False, True])
def test_a_hole_in_a_jpeg_is_detected(progressive: bool) -> None:
    """A run of other bytes in the middle is what a broken transfer leaves."""
    data = written(detailed(), "JPEG", quality=90, progressive=progressive)
    half = len(data) // 2
    for hole in (b"\xff\x00" * 32, bytes(range(64)), b"\xa5" * 64):
        assert refusal(data[:half] + hole + data[half + 64 :]).reason in BROKEN


def test_a_jpeg_whose_restart_markers_are_out_of_order_is_refused() -> None:
    """A piece of the file is missing or duplicated."""
    data = written(detailed(), "JPEG", restart_marker_blocks=4)
    first, third = markers(data, 0xD0)[0], markers(data, 0xD2)[0]
    assert refusal(data[:first] + data[third:]).reason in BROKEN


def test_padding_after_the_last_pixel_of_a_jpeg_is_ignored() -> None:
    """Some cameras pad their files before the end marker."""
    data = written(detailed(), "JPEG")
    for filling in (bytes(500), b"\xff" * 333):
        assert np.array_equal(read(data[:-2] + filling + b"\xff\xd9").rgb, read(data).rgb)


def test_scans_are_counted_before_a_jpeg_is_decoded() -> None:
    """Each scan covers all pixels, so hundreds of them would keep a worker busy for half a minute."""
    data = written(detailed(), "JPEG", progressive=True)
    last = markers(data, 0xDA)[-1]
    rejection = refusal(data[:last] + data[last:-2] * 400 + b"\xff\xd9")
    assert rejection.reason in (RejectionReason.TOO_LARGE, RejectionReason.DAMAGED)
    plain = written(detailed(), "JPEG", quality=90)
    again = plain[markers(plain, 0xDA)[0] : -2]
    assert refusal(plain[:-2] + again * 400 + b"\xff\xd9").reason is RejectionReason.DAMAGED


def test_many_scans_of_many_pixels_are_refused() -> None:
    """The pixel limit of a site also limits the passes over the pixels."""
    from cutouts.adapters.images.jpeg.scans import MOST_PASSES

    rows = b"".join(
        struct.pack(">BHBBBBBB", 0xDA, 8, 1, 1, 0, band, band, 0).join((b"\xff", b"\0")) for band in range(1, 64)
    )
    assert len(rows) > MOST_PASSES
    data = written(detailed(), "JPEG", progressive=True)
    first = markers(data, 0xDA)[0]
    end = markers(data, 0xDA)[1]
    many = data[:end] + rows + b"\xff\xd9"
    assert refusal(many, max_pixels=200 * 160).detail.endswith("take too long to decode")
    assert first < end


@pytest.mark.parametrize(("marker", "words"), [(0xC3, "lossless"), (0xC9, "arithmetic"), (0xC5, "hierarchical")])
def test_rare_kinds_of_jpeg_are_refused_by_name(marker: int, words: str) -> None:
    """They are not reported as damaged."""
    data = written(scene(), "JPEG")
    place = markers(data, 0xC0)[0]
    rejection = refusal(data[: place + 1] + bytes((marker,)) + data[place + 2 :])
    assert rejection.reason is RejectionReason.UNSUPPORTED
    assert words in rejection.detail


def test_a_12_bit_jpeg_is_refused_by_name() -> None:
    """Medical scanners write such files."""
    data = written(scene(), "JPEG")
    place = markers(data, 0xC0)[0]
    rejection = refusal(data[: place + 4] + b"\x0c" + data[place + 5 :])
    assert (rejection.reason, rejection.detail) == (RejectionReason.UNSUPPORTED, "JPEG of 12 bit")


def gif(codes: bytes, *, size: tuple[int, int] = (16, 16), behind: bytes = b";") -> bytes:
    """A GIF of two colours and these codes."""
    blocks = b"".join(bytes((len(codes[i : i + 255]),)) + codes[i : i + 255] for i in range(0, len(codes), 255))
    screen = struct.pack("<6sHHBBB", b"GIF89a", *size, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return screen + struct.pack("<BHHHHBB", 0x2C, 0, 0, *size, 0, 2) + blocks + b"\0" + behind


def single_codes(count: int, end: bool) -> bytes:
    """Pixels one by one, index 1, with a clear code before each two, so that all codes have three bits."""
    codes = [code for _ in range(count // 2) for code in (4, 1, 1)] + ([5] if end else [])
    bits = sum(code << 3 * place for place, code in enumerate(codes))
    return bits.to_bytes(-(-3 * len(codes) // 8), "little")


def test_a_gif_with_all_its_pixels_is_accepted() -> None:
    """A missing end code or trailer, or appended bytes, do not matter."""
    for data in (gif(single_codes(256, True)), gif(single_codes(256, False)), gif(single_codes(256, True), behind=b"")):
        assert (read(data).rgb == 255).all()
    assert read(gif(single_codes(256, True), behind=b"\x21\xfe\x03abc")).notes == ()


def test_a_gif_with_too_few_or_too_many_pixels_is_refused() -> None:
    """An end code does not hide missing pixels."""
    assert refusal(gif(single_codes(200, True))).reason is RejectionReason.DAMAGED
    assert refusal(gif(single_codes(200, False))).reason is RejectionReason.TRUNCATED
    assert refusal(gif(single_codes(300, True))).reason is RejectionReason.DAMAGED


@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize("colours", [2, 16, 200, 256])
def test_gif_codes_are_unpacked_as_by_pillow(interlace: bool, colours: int) -> None:
    """An independent decoder gives the same pixels, interlaced or not."""
    data = written(Image.fromarray(detailed()).quantize(colours), "GIF", interlace=interlace)
    assert np.array_equal(read(data).rgb, np.asarray(Image.open(BytesIO(data)).convert("RGB")))


def test_damaged_metadata_do_not_reject_a_whole_picture() -> None:
    """EXIF that points nowhere leaves the picture as it is stored."""
    block = exif(6)
    for damaged in (block[:12], block[:8] + b"\xff" * (len(block) - 8), b"\xff" * 60000):
        assert read(written(scene(), "JPEG", exif=damaged, quality=95)).size == (64, 48)
        assert read(written(scene(), "WEBP", exif=damaged)).size == (64, 48)


def test_a_webp_frame_is_placed_on_its_canvas() -> None:
    """The first frame of an animation may be smaller than its canvas, which is transparent around it."""
    still = written(detailed(40, 30), "WEBP", lossless=True)
    body = still[12:]
    frame = b"".join((value).to_bytes(3, "little") for value in (3, 5, 39, 29, 0)) + b"\0" + body
    chunks = b"VP8X" + struct.pack("<II", 10, 0x12) + (63).to_bytes(3, "little") + (47).to_bytes(3, "little")
    chunks += b"ANIM" + struct.pack("<IIH", 6, 0, 0) + b"ANMF" + struct.pack("<I", len(frame)) + frame
    photograph = read(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks)
    assert photograph.size == (64, 48)
    assert np.array_equal(photograph.rgb[10:40, 6:46], detailed(40, 30))
    assert photograph.alpha is not None
    assert photograph.alpha.sum() == 255 * 40 * 30


def test_a_file_that_is_not_an_image_is_described_without_its_bytes() -> None:
    """The file may be secret, so none of its content is repeated."""
    for secret in (b"\x01\x02password=hunter2\xff\xfe" * 9, b"hunter2" * 20, b"\0\0\0\x18ftyphunt\0\0\0\1er2 "):
        rejection = refusal(secret)
        assert "hunt" not in rejection.detail
        assert secret[:4].hex() not in rejection.detail.replace(" ", "")


def test_a_webp_larger_than_its_canvas_is_refused_before_it_is_decoded() -> None:
    """A canvas of 64×48 px does not let a frame of 16,000 px a side through."""
    small = written(scene(), "WEBP", lossless=True, exif=exif(1))
    place = small.index(b"VP8L") + 9
    bits = (15_999) | (15_999 << 14)
    large = small[:place] + struct.pack("<I", bits) + small[place + 4 :]
    assert refusal(large).detail == "WebP: its picture does not have the stated size"


@pytest.mark.parametrize("code", ["jpeg", "webp"])
def test_an_oversized_strip_is_refused_before_it_is_decoded(code: str) -> None:
    """A TIFF of 64×48 px has a strip that claims to be 60,000 px wide."""
    target = BytesIO()
    how = {"level": 80, "lossless": False} if code == "webp" else {"level": 80}
    tifffile.imwrite(target, scene(), photometric="rgb", compression=code, compressionargs=how)
    data = target.getvalue()
    if code == "jpeg":
        place = data.index(b"\xff\xc0") + 5
        large = data[:place] + struct.pack(">HH", 60_000, 60_000) + data[place + 4 :]
    else:
        place = data.index(b"\x9d\x01\x2a") + 3
        large = data[:place] + struct.pack("<HH", 16_000, 16_000) + data[place + 4 :]
    assert "larger than its part" in refusal(large).detail


def test_a_tiff_with_too_many_tiles_is_refused() -> None:
    """Tiles of 1×1 px would each be unpacked separately."""
    target = BytesIO()
    tifffile.imwrite(target, np.zeros((512, 512), np.uint8), tile=(16, 16), compression="lzw")
    data = bytearray(target.getvalue())
    for tag in (322, 323):
        place = bytes(data).index(struct.pack("<HH", tag, 4)) + 8
        data[place : place + 4] = struct.pack("<I", 1)
    rejection = refusal(bytes(data))
    assert (rejection.reason, rejection.detail) == (
        RejectionReason.TOO_LARGE,
        "TIFF: 262144 strips or tiles, 100000 are allowed",
    )


@pytest.mark.parametrize(("mark", "offset", "value"), [(b"JFIF\0", 5, 9), (b"Adobe", 11, 7)])
def test_an_unusual_header_does_not_hide_damage(mark: bytes, offset: int, value: int) -> None:
    """A decoder reports only its first warning, so those about the header are handled before."""
    data = written(detailed(), "JPEG", quality=90)
    if mark == b"Adobe":
        data = data[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x01" + data[20:]
    place = data.index(mark) + offset
    unusual = data[:place] + bytes((value,)) + data[place + 1 :]
    photograph = read(unusual)
    assert np.array_equal(photograph.rgb, read(data).rgb)
    assert "unusual program" in photograph.notes[0]
    half = len(data) // 2
    assert refusal(unusual[:half] + b"\xa5" * 64 + unusual[half + 64 :]).reason in BROKEN


def test_bytes_between_header_segments_are_ignored() -> None:
    """Some programs leave them, and the picture is whole."""
    data = written(detailed(), "JPEG", quality=90)
    place = markers(data, 0xDB)[0]
    photograph = read(data[:place] + bytes(37) + data[place:])
    assert np.array_equal(photograph.rgb, read(data).rgb)
    assert len(photograph.notes) == 1


@pytest.mark.parametrize(
    "numbers", [[(1, 2)], [(0, 0)], [(0, 1)], [(2, 1)], [(1, 1), (1, 1)], [(1, 3), (3, 3)]], ids=str
)
def test_a_profile_with_misnumbered_parts_changes_no_pixel(numbers: list[tuple[int, int]]) -> None:
    """The decoder warns as if of damage; the profile is used if it is whole, and a note says so."""
    rng = np.random.default_rng(0)
    pixels = cv2.GaussianBlur(rng.integers(0, 255, (48, 64, 3), np.uint8), (0, 0), 5)
    plain = bytes(cv2.imencode(".jpg", pixels)[1])
    bodies = [b"ICC_PROFILE\0" + bytes(pair) + b"no profile" for pair in numbers]
    parts = b"".join(b"\xff\xe2" + (len(body) + 2).to_bytes(2, "big") + body for body in bodies)
    photograph = decode(plain[:2] + parts + plain[2:], max_pixels=10_000)
    assert np.array_equal(photograph.rgb, decode(plain, max_pixels=10_000).rgb)
    assert any("unusual program" in note for note in photograph.notes)
