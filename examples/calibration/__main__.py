"""Makes a calibration of the gate for the shipped networks: the sets of images, the masks on them, the fit, the check.

    make setup-render && apt-get install tuxpaint-stamps-default     # once
    python -m examples.calibration data work --before before

DATA is the folder of the training (docs/training.md), with `products/products-test.parquet`,
`backgrounds/backgrounds-test.parquet` and renders `renders/exam-*.parquet` of models that were kept out of every
training. BEFORE is a models folder with the networks from before they learned from renders, because the fit uses
renders: `default-before` and `default-int8-before` (`git log -- pipeline/cutouts/models` has the commits), each with a
row in its `table.toml`. `default-licensed` has learned from none. WORK holds what is made; a step whose result is there
is left out, so the same command goes on after a stop. At the end it holds `calibration.json`, `calibration.md` with all
figures, and `calibration.svg`.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from examples.calibration.tables import rendered_products, stamps, without_shops, without_wrong_masks

PRODUCTS = ("plain", "shaded", "busy")
LICENSED = "default-licensed"
OURS = ("default", "default-int8", LICENSED)
WITHOUT_RENDERS = ("default-before", "default-int8-before", LICENSED)
PUBLIC = "u2netp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the data are, and where the results go."""

    data: Path
    work: Path
    settings: Path
    stamps: Path

    def exam(self, source: str, kind: str) -> Path:
        """A set that the calibration is checked on."""
        return self.work / "exam" / f"{source}-{kind}"

    def fitted(self, source: str, kind: str) -> Path:
        """A set that it is fitted on."""
        return self.work / "fitted" / f"{source}-{kind}"


def main() -> None:
    """Make what is missing, step by step."""
    place = _arguments()
    _tables(place)
    _sets(place)
    fitted, exam = _fitted_masks(place), _exam_masks(place)
    _calibrate(place, fitted, exam)


def _arguments() -> Place:
    parser = argparse.ArgumentParser("calibration", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the training's data")
    parser.add_argument("work", type=Path, help="folder for what is made")
    parser.add_argument("--before", type=Path, required=True, help="models folder of the networks before renders")
    parser.add_argument(
        "--stamps", type=Path, default=Path("/usr/share/tuxpaint/stamps"), help="folder of Tux Paint's stamps"
    )
    asked = parser.parse_args()
    needed = (asked.data / "products/products-test.parquet", asked.before / "table.toml", asked.stamps)
    if missing := [str(path) for path in needed if not path.exists()]:
        parser.error(f"not found: {', '.join(missing)}")
    asked.work.mkdir(parents=True, exist_ok=True)
    settings = asked.work / "cutouts.toml"
    settings.write_text(f"models = {str(asked.before.resolve())!r}\n", encoding="utf-8")
    return Place(data=asked.data, work=asked.work, settings=settings, stamps=asked.stamps)


def _tables(place: Place) -> None:
    """The tables of products and scenes that the sets are made from."""
    renders = sorted((place.data / "renders").glob("train-*.parquet"))
    scenes = place.data / "backgrounds/backgrounds-train.parquet"
    tables: dict[str, Callable[[Path], None]] = {
        "stamps": partial(stamps, place.stamps),
        "models": partial(rendered_products, renders),
        "scenes": partial(without_shops, scenes),
        **{f"products-{part}": partial(without_wrong_masks, _products(place, part)) for part in ("test", "train")},
    }
    for name, make in tables.items():
        file = place.work / f"{name}.parquet"
        if not file.exists():
            print(file, file=sys.stderr)
            make(file)


def _products(place: Place, part: str) -> Path:
    return place.data / f"products/products-{part}.parquet"


def _sets(place: Place) -> None:
    """The sets of images with known mattes."""
    data, scenes = place.data, ["--backgrounds", place.work / "scenes.parquet"]
    unseen = ["--backgrounds", data / "backgrounds/backgrounds-test.parquet"]
    for kind in (*PRODUCTS, "empty"):
        test, train = (["--products", place.work / f"products-{part}.parquet"] for part in ("test", "train"))
        _composites(place.exam("products", kind), kind, [*test, *unseen])
        _composites(place.fitted("products", kind), kind, [*train, *scenes, "--limit", "100"])
    for source in ("stamps", "models"):
        for kind in PRODUCTS:
            products = ["--products", place.work / f"{source}.parquet"]
            _composites(place.fitted(source, kind), kind, [*products, *scenes])
    for target, tables in ((place.exam("renders", "own"), "exam-*"), (place.fitted("renders", "own"), "train-*")):
        folder = _linked(target.with_suffix(".tables"), sorted((data / "renders").glob(f"{tables}.parquet")))
        _composites(target, "rendered", ["--renders", folder])


def _linked(folder: Path, tables: Sequence[Path]) -> Path:
    """A folder with links to `tables`."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        if not (link := folder / table.name).exists():
            link.symlink_to(table.resolve())
    return folder


def _composites(target: Path, kind: str, sources: Sequence[object]) -> None:
    """Make the set `target`, whose name is its own, so that each set counts alike in the fit."""
    if not target.exists():
        made = target.with_suffix(".made")
        shutil.rmtree(made, ignore_errors=True)
        _cutouts("composites", *sources, "--kind", kind, "-o", made)
        (made / kind).rename(target)
        made.rmdir()


def _fitted_masks(place: Place) -> list[Path]:
    """Masks on images that the networks have not learned from."""
    stamps, models, products = (
        [place.fitted(source, kind) for kind in PRODUCTS] for source in ("stamps", "models", "products")
    )
    return [
        _masks(place, "fitted-stamps", stamps, OURS),
        _masks(place, "fitted-models", [*models, place.fitted("renders", "own")], WITHOUT_RENDERS),
        _masks(place, "fitted-natural", [place.data / "duts/duts-tr-03.parquet"], [LICENSED], limit=400),
        _masks(place, "fitted-products", [*products, place.fitted("products", "empty")], [PUBLIC]),
    ]


def _exam_masks(place: Place) -> list[Path]:
    """Masks on images that no network has learned from, and that the calibration is not fitted on."""
    products = [place.exam("products", kind) for kind in (*PRODUCTS, "empty")]
    return [
        _masks(place, "exam-products", products, OURS),
        _masks(place, "exam-renders", [place.exam("renders", "own")], OURS),
        _masks(place, "exam-natural", [place.data / "duts/duts-tr-07.parquet"], OURS, limit=300),
        _masks(place, "exam-public", products, [PUBLIC], limit=99),
    ]


def _masks(place: Place, name: str, sets: Sequence[Path], networks: Sequence[str], *, limit: int | None = None) -> Path:
    """The file with the measured masks of `networks` on `sets`."""
    file = place.work / f"{name}.parquet"
    if not file.exists():
        some = () if limit is None else ("--limit", limit)
        asked = [*_each("--images", sets), *_each("--network", networks), *some]
        _cutouts("gate", "calibrate", *asked, "--keep", file, "--config", place.settings)
    return file


def _calibrate(place: Place, fitted: Sequence[Path], exam: Sequence[Path]) -> None:
    made, plot = place.work / "calibration.json", place.work / "calibration.svg"
    masks = [*_each("--masks", fitted), *_each("--check", exam)]
    figures = _cutouts("gate", "calibrate", *masks, "--out", made, "--plot", plot, "--config", place.settings)
    (place.work / "calibration.md").write_text(figures, encoding="utf-8")
    print(figures)


def _each(option: str, values: Sequence[object]) -> list[object]:
    return [part for value in values for part in (option, value)]


def _cutouts(*arguments: object) -> str:
    """Run a command of `cutouts`, and return what it prints. Exits if it fails."""
    command = [str(Path(sys.executable).with_name("cutouts")), *map(str, arguments)]
    print(shlex.join(command[1:]), file=sys.stderr, flush=True)
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        sys.exit(ended.returncode)
    return ended.stdout


if __name__ == "__main__":
    main()
