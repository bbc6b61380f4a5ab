"""The mark of our pictures in each format."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cutouts.core.file_mark import MARK_BYTES, has_mark_at_end, mark_of, marked


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif"])
@pytest.mark.parametrize("text", ["abc rendition", "with free and CUTO in it\na note", "x" * 9000])
def test_a_mark_is_read_back_and_changes_no_pixel(suffix: str, text: str) -> None:
    """OpenCV reads the same pixels; the mark is within the first or the last bytes; unmarked files have none."""
    image = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    data = cv2.imencode(suffix, image)[1].tobytes()
    ours = marked(data, text)
    before, after = (cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR) for one in (data, ours))
    assert before is not None
    assert after is not None
    assert (before == after).all()
    told = mark_of(ours[:MARK_BYTES], ours[-MARK_BYTES:])
    assert told is not None
    assert text.startswith(told)
    assert len(told) >= min(len(text), 2000)
    assert mark_of(data[:MARK_BYTES], data[-MARK_BYTES:]) is None
    assert has_mark_at_end(data) == (suffix in {".webp", ".avif"})


def test_other_formats_cannot_be_marked() -> None:
    """They would not be recognised afterwards."""
    with pytest.raises(ValueError, match="neither PNG"):
        marked(b"GIF89a", "text")
