"""docs/python.md and the Python of other pages compared with the package: examples run and names exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import cutouts
from cutouts.core import errors
from tests.docs.pages import QUICK_START, README, ROOT, blocks, rows, spans
from tests.photographs import product

PAGE = ROOT / "docs" / "python.md"
EXAMPLES = [(page, number) for page in (README, QUICK_START, PAGE) for number in range(len(blocks(page, "python")))]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the inputs of the examples: a photograph, a folder of photographs, and its manifest."""
    folder = tmp_path_factory.mktemp("examples")
    product(folder / "shoe.jpg")
    for seed in range(3):
        product(folder / "photos" / f"{seed}.jpg", seed=seed)
    part = folder / "manifests" / "date=2026-11-22" / "part-0.parquet"
    command = ["-c", "from cutouts.cli import main; main()", "manifest", "photos", "-o", str(part)]
    subprocess.run([sys.executable, *command], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(("page", "number"), EXAMPLES, ids=lambda case: getattr(case, "name", str(case)))
def test_every_example_runs(place: Path, page: Path, number: int) -> None:
    """As a script it ends without an error."""
    script = place / f"{page.stem}{number}.py"
    script.write_text(blocks(page, "python")[number], encoding="utf-8")
    done = subprocess.run([sys.executable, script.name], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_name_of_the_package_is_documented() -> None:
    """The page has exactly the names of `import cutouts`."""
    told = set(spans(PAGE))
    assert set(cutouts.__all__) <= told
    used = {name for text in blocks(PAGE, "python") for name in re.findall(r"cutouts\.(\w+)", text)}
    assert used <= set(cutouts.__all__)


def test_the_errors_that_it_lists_exist() -> None:
    """Each error of the table is Python's or one of ours."""
    names = [row[0].strip("`") for row in rows(PAGE, "## Errors")]
    assert "ImageRejected" in names
    for name in names:
        assert name in ("TypeError", "ValueError") or issubclass(getattr(errors, name), cutouts.CutoutsError)


def test_the_attributes_that_it_lists_exist() -> None:
    """Each attribute of the table is one of `Cutout`."""
    names = [row[0].strip("`") for row in rows(PAGE, "if cutout.found:")]
    assert names == ["rgba", "matte", "notes", "found"]
    assert all(hasattr(cutouts.Cutout, name) for name in names)
