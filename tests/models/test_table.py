"""The model table: the shipped rows, the site's own rows, and the locations of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cutouts.core.errors import ModelError
from cutouts.models import OWN_TABLE, ModelRow, find, own_rows, permit, rows, verified, with_row

PUBLIC = [row for row in rows() if row.url]
FIELDS: dict[str, object] = {
    "name": "studio", "file": "studio.onnx", "sha256": "0" * 64, "width_px": 512, "height_px": 384,
    "resize": "letterbox", "layout": "nchw-float32", "mean": (0.5, 0.5, 0.5), "std": (1.0, 1.0, 1.0), "output": 2,
    "licence": 'ours, "as is"', "commercial": True, "about": "Schuhe – 靴",
}  # fmt: skip


def own(folder: Path, *own_rows: ModelRow) -> str:
    """A models folder with these rows."""
    text = ""
    for row in own_rows:
        text = with_row(text, row)
    (folder / OWN_TABLE).write_text(text, encoding="utf-8")
    return str(folder)


def test_well_known_networks_are_in_the_table() -> None:
    """Each has its usual name."""
    asked = {"u2net", "u2netp", "silueta", "isnet-general-use", "birefnet-general", "birefnet-general-lite"}
    assert asked | {"bria-rmbg-2.0"} <= {row.name for row in PUBLIC}


@pytest.mark.parametrize("row", PUBLIC, ids=lambda row: row.name)
def test_a_public_row_has_a_url_and_a_digest(row: ModelRow) -> None:
    """Nothing is downloaded that cannot be verified, and each file has its own name in the folder."""
    assert row.md5 or row.sha256
    assert row.file == f"{row.name}.onnx"
    assert row.licence
    assert row.about


def test_only_verified_rows_have_both_digests() -> None:
    """Of the public ones this is U²-Net-p; the others have the published digests only."""
    assert [row.name for row in PUBLIC if row.opened] == ["u2netp"]
    assert [row.name for row in PUBLIC if row.md5 and row.sha256] == ["u2netp"]


def test_the_shipped_rows_need_no_download() -> None:
    """Their files are beside the table and match it."""
    for row in rows():
        if row.url is None:
            assert verified(row, "/nowhere").path == Path(row.path("/nowhere"))


def test_a_site_row_is_read_as_written(tmp_path: Path) -> None:
    """Quotes, umlauts and numbers are kept, and so is what a person wrote beside it."""
    row = ModelRow.model_validate(FIELDS)
    (tmp_path / OWN_TABLE).write_text(with_row("# Ada's networks\n", row), encoding="utf-8")
    assert own_rows(str(tmp_path)) == (row,)
    assert find("studio", str(tmp_path)) == row
    assert (tmp_path / OWN_TABLE).read_text(encoding="utf-8").startswith("# Ada's networks\n")


def test_without_a_table_there_are_no_site_rows(tmp_path: Path) -> None:
    """A site that added nothing has no file."""
    assert own_rows(str(tmp_path / "nothing")) == ()


def test_names_are_unique_across_all_rows(tmp_path: Path) -> None:
    """A site's row cannot replace the shipped network or another row."""
    twice = ModelRow.model_validate(FIELDS)
    mine = ModelRow.model_validate(FIELDS | {"name": "default"})
    with pytest.raises(ModelError, match="already taken: default, studio"):
        own_rows(own(tmp_path, twice, twice, mine))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": None}, "sha256 or md5"),
        ({"file": "../studio.onnx"}, "bare name or an absolute path"),
        ({"file": "a/../studio.onnx"}, "bare name or an absolute path"),
        ({"file": "a\\studio.onnx"}, "bare name or an absolute path"),
        ({"file": "table.toml"}, "must end in .onnx"),
        ({"file": "/etc/passwd"}, "must end in .onnx"),
        ({"file": ".onnx"}, "must end in .onnx"),
        ({"file": "studio\x1b.onnx"}, "must end in .onnx"),
        ({"file": "default.onnx"}, "these files are shipped"),
        ({"file": "Default-INT8.onnx"}, "these files are shipped"),
        ({"card": "../../secret.md"}, "card must be a bare name"),
        ({"mean": None}, "float input needs mean and std"),
        ({"mean": None, "std": None}, "float input needs mean and std"),
        ({"layout": "nhwc-uint8"}, "uint8 input neither"),
        ({"url": "ftp://example.com/x"}, "url"),
        ({"name": "../studio"}, "name"),
    ],
)
def test_an_invalid_row_is_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    """The error names its file."""
    row = ModelRow.model_construct(**(ModelRow.model_validate(FIELDS).model_dump() | changes))
    fields = {key: value for key, value in row.model_dump().items() if value is not None}
    (tmp_path / OWN_TABLE).write_text(with_row("", ModelRow.model_construct(**fields)), encoding="utf-8")
    with pytest.raises(ModelError, match=words) as error:
        own_rows(str(tmp_path))
    assert str(tmp_path / OWN_TABLE) in str(error.value)


def test_a_value_of_another_type_is_refused(tmp_path: Path) -> None:
    """Text for a number or for true is a slip of the pen."""
    row = with_row("", ModelRow.model_validate(FIELDS))
    for right, wrong in (("width_px = 512", 'width_px = "512"'), ("commercial = true", 'commercial = "yes"')):
        assert right in row
        (tmp_path / OWN_TABLE).write_text(row.replace(right, wrong), encoding="utf-8")
        with pytest.raises(ModelError, match=rf"models\.0\.{right.partition(' ')[0]}: expected "):
            own_rows(str(tmp_path))


def test_a_table_that_is_not_toml_is_an_error(tmp_path: Path) -> None:
    """The error names the file, also if it has no rows but something else."""
    for text in ("[[models]\n", "models = 3\n", "[[model]]\nname = 'mine'\n"):
        (tmp_path / OWN_TABLE).write_text(text, encoding="utf-8")
        with pytest.raises(ModelError, match=OWN_TABLE):
            find("default", str(tmp_path))


def test_non_commercial_weights_need_the_site_s_permission() -> None:
    """The error has the licence and the setting."""
    row = ModelRow.model_validate(FIELDS | {"commercial": False})
    with pytest.raises(ModelError, match=r"as is.*allow_noncommercial"):
        permit(row, allow_noncommercial=False)
    permit(row, allow_noncommercial=True)


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_file_is_checked_by_its_digests(tmp_path: Path, algorithm: str) -> None:
    """Every stated digest is checked."""
    (tmp_path / "studio.onnx").write_bytes(b"weights")
    both = {name: hashlib.new(name, b"weights").hexdigest() for name in ("sha256", "md5")}
    alone = ModelRow.model_validate(FIELDS | {"sha256": None} | {algorithm: both[algorithm]})
    assert verified(alone, str(tmp_path)).data == b"weights"
    with pytest.raises(ModelError, match=f"does not match the model table: {algorithm}"):
        verified(ModelRow.model_validate(FIELDS | both | {algorithm: "0" * len(both[algorithm])}), str(tmp_path))


def test_a_missing_file_is_an_error_with_advice(tmp_path: Path) -> None:
    """A public one can be pulled."""
    with pytest.raises(ModelError, match=r"cutouts models pull u2net$"):
        verified(find("u2net", str(tmp_path)), str(tmp_path))
    with pytest.raises(ModelError, match=r"is not at .*studio\.onnx$"):
        verified(ModelRow.model_validate(FIELDS), str(tmp_path))
