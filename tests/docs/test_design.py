"""pipeline/DESIGN.md compared with the code: the tree, the layers, the library adapters and the records."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutouts.core import decisions, mask_metrics, publications, records, table_paths
from cutouts.core.records import MAX_KEY, DeliveryKey, ShardKey
from tests.docs.pages import DESIGN, ROOT, blocks, rows, spans

TREE, FLOORS, _FLOW = blocks(DESIGN, "")


def _tree() -> Iterator[tuple[str, str]]:
    """Each path of the tree and its description; the depth is half the indentation."""
    parents: list[str] = []
    for line in TREE.splitlines():
        found = re.match(r"( *)([\w.]+/?)  +(.*)$|( *)([\w.]+/)$", line)
        if found is None or len(found[1] or found[4] or "") > 6:
            continue
        depth, name = len(found[1] or found[4] or "") // 2, found[2] or found[5]
        parents = [*parents[:depth], name]
        yield "".join(parents), found[3] or ""


@pytest.mark.parametrize("path", [path for path, _ in _tree()])
def test_every_path_of_the_tree_exists(path: str) -> None:
    """Every folder and file that it shows exists."""
    assert (ROOT / path).exists()


def test_the_tree_is_complete() -> None:
    """Every package, every adapter and every top folder is shown."""
    shown = {path.rstrip("/") for path, _ in _tree()}
    rooms = {
        str(path.relative_to(ROOT))
        for place in ("pipeline/cutouts", "pipeline/cutouts/adapters")
        for path in _rooms(ROOT / place)
    }
    assert rooms <= shown
    assert {"dags", "plugins", "schemas", "pipeline", "tests", "docker"} <= shown


@pytest.mark.parametrize("room", ["cli", "report"])
def test_every_subfolder_of_commands_and_report_is_shown(room: str) -> None:
    """Every wing of the commands and of the report is in the tree."""
    folder = ROOT / "pipeline/cutouts" / room
    wings = {str(path.relative_to(ROOT)) for path in _rooms(folder) if path.is_dir()}
    assert wings <= {path.rstrip("/") for path, _ in _tree()}


def test_files_named_beside_the_tree_exist() -> None:
    """The modules that are listed for a folder are in it."""
    named = [(path, name) for path, about in _tree() for name in re.findall(r"\b\w+\.py\b", about)]
    assert len(named) > 15
    assert [name for path, name in named if not (ROOT / path / name).is_file()] == []


def test_the_layers_are_those_of_the_import_contract() -> None:
    """import-linter has the same layers, except for the top one, which it does not cover."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = (one["layers"] for one in contracts if one.get("containers") == ["cutouts"])
    _outside, *floors = FLOORS.strip().split(" → ")
    assert floors == layers


@pytest.mark.parametrize("row", rows(DESIGN, "## Layers and doors"))
def test_each_library_is_imported_only_by_its_adapter(row: list[str]) -> None:
    """The training may import any library of the table."""
    modules = [name for library in row[0].split(", ") for name in _MODULES[library]]
    doors = [ROOT / door for door in [*re.findall(r"`([^`]+)`", row[1]), "pipeline/cutouts/training"]]
    importing = {path for path in _code() if _imports(path, modules)}
    strangers = [path for path in importing if not any(path == door or door in path.parents for door in doors)]
    assert importing
    assert strangers == []


def test_no_run_imports_the_training() -> None:
    """Only its command does, and the evaluation, which reads its data."""
    inside = [ROOT / "pipeline/cutouts" / room for room in ("training", "evaluation")]
    command = ROOT / "pipeline/cutouts/cli/networks/train.py"
    outside = [path for path in _code() if path != command and not set(inside) & set(path.parents)]
    assert [path for path in outside if _imports(path, ["cutouts.training"])] == []


_MODULES = {
    "Dask": ["dask", "distributed", "dask_cuda"],
    "Airflow": ["airflow"],
    "ONNX Runtime": ["onnxruntime"],
    "ONNX": ["onnx"],
    "Requests": ["requests"],
    "Great Expectations": ["great_expectations"],
    "SQLAlchemy": ["sqlalchemy"],
    "Alembic": ["alembic"],
    "fsspec": ["fsspec"],
    "aiohttp": ["aiohttp"],
    "Parquet on disk": ["pyarrow.dataset"],
    "Pillow": ["PIL"],
    "pillow-heif": ["pillow_heif"],
    "ISA-L": ["isal"],
    "simplejpeg": ["simplejpeg"],
    "codecs": [],
    "matplotlib": ["matplotlib"],
    "cryptography": ["cryptography"],
    "FastAPI": ["fastapi", "starlette"],
    "uvicorn": ["uvicorn", "h11"],
}


def test_the_records_that_it_names_exist() -> None:
    """Each name in the chain of records is a record."""
    text = DESIGN.read_text(encoding="utf-8")
    chain = re.search(r"`(ImageRecord → [^`]+)`", text)
    assert chain
    known = {*vars(records), *vars(mask_metrics), *vars(decisions), *vars(publications)}
    assert [name for name in re.findall(r"\w+", chain[1]) if name not in known] == []


def test_the_layout_matches_the_steps() -> None:
    """Plans, shards, ledger, gates and intake are at the paths of the table."""
    told = " ".join(row[0] for row in rows(DESIGN, "has a schema in"))
    key = DeliveryKey.parse("2026-01-01/studio")
    shard = ShardKey(plan_id="PLAN", index=0)
    places = [
        table_paths.plan_file("<plan_id>", ""),
        table_paths.shard_file(shard, "").replace("PLAN/00000", "<plan_id>/<index>"),
        table_paths.gate_file("<gate_id>", ""),
        table_paths.taken_file("<fingerprint>"),
        table_paths.verdict_file("<digest>"),
        table_paths.waiting_file(key).replace("2026-01-01/studio", "<day>/<id>"),
        table_paths.intake_file(key).replace("2026-01-01/studio", "<day>/<id>"),
    ]
    assert [place for place in places if f"tables/{place}" not in told] == []


def test_the_length_of_a_key_matches_the_code() -> None:
    """The documented limit of a partition key is the one that is checked."""
    assert f"at most {MAX_KEY} characters" in DESIGN.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [span for span in spans(DESIGN) if re.fullmatch(r"[a-z_]+/[a-z_/]+\.py", span)])
def test_the_modules_that_it_names_exist(path: str) -> None:
    """Every module in backticks exists."""
    assert (ROOT / path).is_file() or (ROOT / "pipeline/cutouts" / path).is_file()


def _rooms(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if (path / "__init__.py").is_file() or (path.suffix == ".py" and path.stem != "__init__"):
            yield path


def _code() -> list[Path]:
    return [path for top in ("pipeline", "dags", "plugins", "schemas") for path in (ROOT / top).rglob("*.py")]


def _imports(path: Path, modules: list[str]) -> bool:
    text = path.read_text(encoding="utf-8")
    names = "|".join(re.escape(name) for name in modules)
    return bool(modules and re.search(rf"^\s*(?:from|import) (?:{names})\b", text, re.MULTILINE))
