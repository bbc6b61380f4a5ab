"""The PNG encoder is exact, and other readers agree with it."""

from __future__ import annotations

import threading
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from cutouts.adapters.images import decode, encode_png
from tests.adapters.pictures import scene

SHAPES = [(48, 64), (48, 64, 3), (48, 64, 4), (1, 1), (1, 7, 3), (9, 1, 4)]


@pytest.mark.parametrize("shape", SHAPES)
def test_written_pixels_are_read_back_exactly(shape: tuple[int, ...]) -> None:
    """Pillow and OpenCV read the same pixels."""
    pixels = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    data = encode_png(pixels)
    assert np.array_equal(np.asarray(Image.open(BytesIO(data))), pixels)
    read = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))
    swapped = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}.get(shape[-1] if len(shape) == 3 else 1)
    assert np.array_equal(read if swapped is None else cv2.cvtColor(read, swapped), pixels)


def test_a_view_of_other_pixels_is_written_as_it_looks() -> None:
    """Crops and flipped views need not be contiguous."""
    view = scene()[5:40, 60:10:-1]
    assert np.array_equal(np.asarray(Image.open(BytesIO(encode_png(view)))), view)


def test_the_file_states_srgb() -> None:
    """Viewers with wide-gamut screens show the intended colours."""
    assert Image.open(BytesIO(encode_png(scene()))).info["srgb"] == 1


def test_equal_pixels_give_equal_bytes_in_every_thread() -> None:
    """Objects are named by their bytes. Each thread here has its stack at another address, as other processes have."""
    y, x = np.ogrid[:16, :16]
    inside = [255 * (np.hypot(x - 8, y - 8) < radius).astype(np.uint8) for radius in range(2, 8)]
    pictures = [*inside, *(np.dstack([matte] * channels) for matte in inside for channels in (3, 4))]
    made: list[bytes] = []
    finished = threading.Event()

    def encode() -> None:
        made.append(b"".join(map(encode_png, pictures)))
        finished.wait()

    threads = []
    before = threading.stack_size()
    try:
        for pages in range(100, 300):
            threading.stack_size(pages * 4096)
            threads.append(threading.Thread(target=encode))
            threads[-1].start()
    finally:
        threading.stack_size(before)
        finished.set()
        for thread in threads:
            thread.join()
    assert len(made) == 200
    assert len(set(made)) == 1


def test_our_own_files_are_accepted_as_sources() -> None:
    """A cutout may be cut again, and its colours and alpha are read back."""
    rgba = np.dstack([scene(), scene()[..., 0]])
    photograph = decode(encode_png(rgba), max_pixels=1_000_000)
    assert photograph.alpha is not None
    assert np.array_equal(np.dstack([photograph.rgb, photograph.alpha]), rgba)


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_arrays_of_other_types_are_refused(pixels: np.ndarray) -> None:
    """The caller has to convert a float matte to bytes."""
    with pytest.raises(ValueError, match="PNG takes uint8"):
        encode_png(pixels)
