"""File names that fit, and no two of them the same."""

from __future__ import annotations

import os
import unicodedata

import pytest

from cutouts.core.text.naming import MAX_NAME, fitting, is_text, one_name_each, png_names, safe_path, text_names

CJK = "字"
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "é.jpg") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["sub/a.jpg"], ["sub/a.png"]),
        (["a.jpg", "a.webp", "b.jpg"], ["a.jpg.png", "a.webp.png", "b.png"]),
        (["a/x.jpg", "b/x.jpg"], ["a/x.png", "b/x.png"]),
        (["a.jpg", "a.png", "a.jpg.png"], ["a.jpg.png", "a.png.png", "a.jpg.png.png"]),
        (["shoe.v1.jpg"], ["shoe.v1.png"]),
        (["a.jpg", "a.png/x.jpg"], ["a.jpg.png", "a.png/x.png"]),
        (["caf\udce9.jpg"], ["caf\udce9.png"]),
    ],
)
def test_only_names_that_would_collide_keep_their_suffix(sources: list[str], names: list[str]) -> None:
    """No two sources share a name, none has the name of a folder, and other names do not change."""
    assert [png_names(sources)[source] for source in sources] == names


@pytest.mark.parametrize(
    "sources",
    [
        ["a.jpg", "A.JPG", "a.JPG"],
        [COMPOSED, DECOMPOSED],
        ["a.jpg", "A.png/x.jpg", "a.jpg.PNG/y.jpg"],
        [f"{CJK * 83}a.jpg", f"{CJK * 83}b.jpg", f"{CJK * 83}a.webp"],
        [f"{'x' * 251}.jpg", f"{'x' * 251}.png", f"{'x' * 250}.jpg"],
    ],
)
def test_no_file_system_confuses_two_names(sources: list[str]) -> None:
    """It may ignore case or the composition of accents, or count 255 bytes."""
    names = list(png_names(sources).values())
    folded = {unicodedata.normalize("NFC", name).casefold() for name in names}
    assert len(folded) == len(sources)
    assert not folded & {part.rpartition("/")[0] for part in folded}
    assert all(len(os.fsencode(part)) <= MAX_NAME for name in names for part in name.split("/"))


def test_a_long_name_keeps_its_beginning_and_its_ending() -> None:
    """It is cut between characters and gets a digest; a name that fits is unchanged."""
    assert fitting("shoe", ".png") == "shoe.png"
    long, other = (fitting(CJK * 85 + last, ".png") for last in "ab")
    assert long.startswith(CJK * 70)
    assert long.endswith(".png")
    assert len(os.fsencode(long)) <= MAX_NAME
    assert long != other


def test_names_that_are_not_text_become_text_and_stay_distinct() -> None:
    """A byte that is not UTF-8 is quoted, and the result is not another file's name."""
    raw = "caf\udce9.jpg"
    assert text_names([raw]) == {raw: "caf%E9.jpg"}
    names = text_names([raw, "caf%E9.jpg", "50%.jpg", f"{CJK}.jpg"])
    assert (names["caf%E9.jpg"], names["50%.jpg"], names[f"{CJK}.jpg"]) == ("caf%E9.jpg", "50%.jpg", f"{CJK}.jpg")
    assert len(set(names.values())) == 4
    assert all(map(is_text, names.values()))


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (["studio-a", "shoe 1.jpg"], "studio-a/shoe 1.jpg"),
        (["..", "a/b", "", "."], "%2E%2E/a%2Fb/_/%2E"),
        ([f"{CJK * 3}", "a\nb\x1b"], f"{CJK * 3}/a%0Ab%1B"),
    ],
)
def test_ids_become_paths_below_their_folder(parts: list[str], path: str) -> None:
    """What a file system refuses or takes for a parent folder is quoted; other scripts are not."""
    assert safe_path(parts) == path


def test_ids_of_any_length_become_paths_that_fit() -> None:
    """This holds for each part and for the whole."""
    assert len(os.fsencode(safe_path([CJK * 500]))) <= MAX_NAME
    deep, other = (safe_path([*["folder"] * 1000, last]) for last in "ab")
    assert len(os.fsencode(deep)) <= MAX_NAME
    assert deep != other


def test_two_keys_with_one_path_get_different_names() -> None:
    """A digest of the key tells them apart, whatever other keys there are."""
    names = one_name_each({("s", "1"): "x.jpg", ("s", "2"): "x.jpg", ("s", "3"): "y.jpg"})
    assert names["s", "3"] == "y.png"
    assert len(set(names.values())) == 3
    assert names["s", "1"] == one_name_each({("s", "1"): "x.jpg", ("t", "9"): "x.jpg"})["s", "1"]
