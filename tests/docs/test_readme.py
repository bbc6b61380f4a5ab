"""README.md against the code: every command, option, setting, column and file that it names is real."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import click
import pytest

from cutouts.adapters.catalog.tables import published_cutouts
from cutouts.adapters.images.formats import Format
from cutouts.adapters.quality import bundled, load_suite
from cutouts.adapters.settings import CONFIG_VARIABLE
from cutouts.cli import cli
from cutouts.core.config import ENV_PREFIX, Site, parse_site
from cutouts.core.naming import png_names
from cutouts.core.records import Outcome
from cutouts.models.table import ModelRow
from cutouts.report.data import RunSummary
from cutouts.schemas.tables import IMAGES, MANIFEST
from tests.docs.pages import README, ROOT, blocks, called, links, mentioned, prose, rows, shell_lines, spans

CONTEXT = click.Context(cli)
CALLS = called(README, "cutouts")
MENTIONS = mentioned(README, "cutouts")
SETTINGS = {row[0].strip("`"): row[1:] for row in rows(README, "**Settings.**")}


def _command(name: str) -> click.Command:
    found = cli.get_command(CONTEXT, name)
    assert found is not None, f"there is no command cutouts {name}"
    return found


def _called(call: list[str]) -> tuple[click.Command, list[str]]:
    """The command that a call reaches, below its group if it has one, and the words that are left for it."""
    found, *rest = _command(call[0]), *call[1:]
    while isinstance(found, click.Group) and rest:
        below = found.get_command(CONTEXT, rest[0])
        assert below is not None, f"there is no command cutouts {' '.join(call[:2])}"
        found, *rest = below, *rest[1:]
    return found, rest


def _options(command: click.Command) -> set[str]:
    """The options of a command and of those below it."""
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return {name for one in (command, *below) for option in one.params for name in option.opts}


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_every_command_it_names_can_be_called_so(
    call: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Command, options and arguments are taken by the parser; placeholders and files stand for real ones."""
    monkeypatch.chdir(tmp_path)
    sets = [f"sets/{kind}" for kind in ("plain", "shaded", "busy", "empty")]
    for folder in (
        "photos",
        "mattes",
        "data/products",
        "data/backgrounds",
        "data/duts",
        "data/weights",
        "pipeline/cutouts/models",
        *sets,
    ):
        (tmp_path / folder).mkdir(parents=True)
    tables = ("products/products-test", "backgrounds/backgrounds-test", "duts/duts-tr-07")
    for file in (
        "shoe.jpg",
        "studio.onnx",
        "pipeline/cutouts/models/default.onnx",
        *(f"data/{table}.parquet" for table in tables),
    ):
        (tmp_path / file).touch()
    command, words = _called(call)
    command.make_context(call[0], words, parent=CONTEXT)


@pytest.mark.parametrize("call", MENTIONS, ids=" ".join)
def test_every_mention_is_of_a_command_and_its_options(call: list[str]) -> None:
    """`cutouts publish --approve` in a sentence names a command, and options that it has."""
    known = _options(_called(call)[0])
    assert {word for word in call if word.startswith("-")} <= known


def test_it_shows_every_command() -> None:
    """Nobody has to find a command by chance."""
    assert {call[0] for call in CALLS} >= set(cli.list_commands(CONTEXT))


def test_options_named_in_the_text_exist() -> None:
    """An option in backticks is one of some command of ours, or stands in a call of another program."""
    known = {name for command in cli.list_commands(CONTEXT) for name in _options(_command(command))} | {"--help"}
    others = {word for span in spans(README) if span.startswith("docker ") for word in span.split()}
    named = {span.split()[0] for span in spans(README) if span.startswith("-")}
    assert named <= known | {word for word in others if word.startswith("-")} | {"--env-file"}


@pytest.mark.parametrize("name", Site.model_fields)
def test_every_setting_is_told_with_its_default(name: str) -> None:
    """The table has each field of the site, its variable, and what holds where nobody says anything."""
    variable, default, about = SETTINGS[name]
    real = Site.model_fields[name].default
    assert variable == f"`{ENV_PREFIX}{name.upper()}`"
    assert default in (_shown(real), _derived(name)), default
    assert about


def test_it_tells_no_setting_that_does_not_exist() -> None:
    """Each row of the table is a field, each `CUTOUTS_*` in the text a setting or the name of the file."""
    assert set(SETTINGS) == set(Site.model_fields)
    named = set(re.findall(r"CUTOUTS_[A-Z_]+\b", README.read_text(encoding="utf-8")))
    assert named - {CONFIG_VARIABLE} == {f"{ENV_PREFIX}{name.upper()}" for name in Site.model_fields}


def _shown(default: object) -> str:
    return "none" if default is None else f"`{json.dumps(default) if isinstance(default, bool | tuple) else default}`"


def _derived(name: str) -> str:
    """What a site says instead of a default that is None, if it derives one."""
    if name == "mask_quality":
        return "the one we ship" if bundled("mask_quality").is_file() else ""
    url = getattr(Site(root="ROOT"), f"{name}_url", None)
    return f"`{url.removeprefix('sqlite:///')}`" if url else ""


@pytest.mark.parametrize("block", blocks(README, "toml"))
def test_every_toml_block_is_valid(block: str) -> None:
    """A block of settings is a site; a block of models has rows that the table takes, with every field shown."""
    read = tomllib.loads(block)
    if "models" in read:
        optional = {"md5", "bytes", "opened"}  # of published networks only
        for row in read["models"]:
            ModelRow.model_validate(row)
            assert set(ModelRow.model_fields) - set(row) == optional
        return
    assert parse_site(read, {}).catalog_url == read["catalog"]


def test_every_column_of_a_manifest_is_told() -> None:
    """Name, and whether it may be null."""
    told = {name: row[2] for row in rows(README, "## The manifest") for name in re.findall(r"`(\w+)`", row[0])}
    assert told == {field.name: "yes" if field.nullable else "no" for field in MANIFEST}


def test_every_column_of_images_is_told_in_its_order() -> None:
    """The row about images.parquet lists its columns."""
    assert _listed("`images.parquet`") == IMAGES.names


def test_every_key_of_the_summary_is_told_in_its_order() -> None:
    """The row about summary.json lists its keys."""
    assert _listed("`summary.json`") == [field.name for field in fields(RunSummary)]


def _listed(file: str) -> list[str]:
    (row,) = (row for row in rows(README, "leaves in `demo/`") if row[0] == file)
    return re.findall(r"`(\w+)`", row[1])


def test_every_column_of_the_view_is_told() -> None:
    """What consumers read of the catalogue."""
    sentence = prose(README).split("`published_cutouts`", 1)[1].split("**", 1)[0]
    told = [name for name in re.findall(r"`(\w+)`", sentence) if name != "objects"]
    assert told == [column.name for column in published_cutouts.columns]


def test_every_outcome_is_explained() -> None:
    """The five outcomes are told apart where the summary is."""
    explained = prose(README).split("sum of the five outcomes", 1)[1].split("##", 1)[0]
    assert [outcome for outcome in Outcome if f"*{outcome}*" not in explained] == []


def test_every_format_is_named() -> None:
    """What can be read is said in one sentence."""
    sentence = re.search(r"^(.*) are read:", prose(README), re.MULTILINE)
    assert sentence
    assert set(re.findall(r"[A-Z]\w+", sentence[1])) == {form.value for form in Format}


def test_what_it_says_of_holding_is_what_the_suite_says() -> None:
    """The share and the number of bad images that hold a delivery."""
    rules = {rule.type: rule.kwargs["max_value"] for rule in load_suite(bundled("mask_quality")).on("delivery")}
    share, count = rules["expect_column_mean_to_be_between"], rules["expect_column_sum_to_be_between"]
    assert f"more than {share:.0%} and at least {int(str(count)) + 1}".replace("%", " %") in prose(README)


def test_the_python_that_it_asks_for_is_the_one_that_installs() -> None:
    """Lowest and highest version are those of `requires-python`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    told = re.search(r"`python3` ≥ 3\.(\d+) \(up to 3\.(\d+)\)", prose(README))
    assert told
    assert project["requires-python"] == f">=3.{told[1]},<3.{int(told[2]) + 1}"


def test_make_targets_exist() -> None:
    """Each `make …` is a target of the Makefile, and each target that explains itself is told."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) - {"help"}
    told = {words[1] for words in shell_lines(README) if words[0] == "make"}
    told |= {span.split()[1] for span in spans(README) if re.match(r"make [a-z]", span)}
    assert told == targets


@pytest.mark.parametrize("link", links(README))
def test_links_lead_somewhere(link: str) -> None:
    """Every link and picture within the project is there."""
    assert (ROOT / link).is_file()


@pytest.mark.parametrize(
    "path", [span for span in spans(README) if re.fullmatch(r"[\w.-]+/[\w./-]+\.(json|toml|yaml|env|md)", span)]
)
def test_files_that_it_names_exist(path: str) -> None:
    """A path in backticks with a suffix is a file of the project."""
    assert (ROOT / path).is_file()


def test_the_dags_that_it_names_are_all_there_are() -> None:
    """Each file in dags/ is explained under its name."""
    told = set(re.findall(r"^- `(\w+)`", prose(README), re.MULTILINE))
    assert told == {path.stem for path in (ROOT / "dags").glob("*.py")}


def test_messages_that_it_explains_are_raised_somewhere() -> None:
    """Each message quoted in the table of failures stands in the code, but for what it fills in."""
    code = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "pipeline").rglob("*.py"))
    code = re.sub(r'"\s+f?"', "", re.sub(r"\{[^{}\"]*\}", "…", code))
    quoted = [
        message for row in rows(README, "## When something is wrong") for message in re.findall(r"`([^`]+)`", row[0])
    ]
    assert len(quoted) >= 8
    assert [message for message in quoted if not _said(message, code)] == []


def _said(message: str, code: str) -> bool:
    """Whether the parts between the dots, and before what a call fills in, stand in the code."""
    return all(part.strip().replace("'cuda'", "…") in code for part in message.split("…"))


def test_a_cutout_is_named_as_it_says() -> None:
    """`<source>.png`: the source's path with that suffix."""
    assert png_names(["studio/shoe.jpg"]) == {"studio/shoe.jpg": "studio/shoe.png"}
