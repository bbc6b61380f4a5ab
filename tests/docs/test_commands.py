"""Every page compared with the command line: each command, option and make target that a page names exists."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from cutouts.cli import cli
from cutouts.cli.console.first_words import FirstWordCommand
from cutouts.recipes import known_renditions
from tests.docs.pages import PAGES, ROOT, called, mentioned, shell_lines, spans

CONTEXT = click.Context(cli)
CALLS = [(page, call) for page in PAGES for call in called(page, "cutouts")]
MENTIONS = [(page, call) for page in PAGES for call in mentioned(page, "cutouts")]

FOLDERS = (
    "photos",
    *(f"pictures/{name}" for name, one in known_renditions().items() if one.rules),
    "data/photos",
    "data/site",
    "result",
    "mattes",
    "data/models3d",
    "data/renders",
    "sets/bags",
)
SETS = (
    "plain",
    "shaded",
    "busy",
    "empty",
    "boxes",
    "rendered",
    "bags/plain",
    "bags/shaded",
    "bags/busy",
    "bags/rendered",
)
FILES = (
    *(file.name for file in (ROOT / "examples/calibration/masks").iterdir()),
    "rembg-env/bin/rembg",
    "shoe.jpg",
    "token.txt",
    "studio.onnx",
    "pipeline/cutouts/models/default.onnx",
    "pipeline/cutouts/models/default-int8.onnx",
    "data/models3d/models.csv",
    "data/products/products-train.parquet",
    "data/products/products-test.parquet",
    "data/backgrounds/backgrounds-test.parquet",
    "data/duts/duts-tr-07.parquet",
    "changed.json",
    "fitted.parquet",
    "others.parquet",
)


def _called(call: list[str]) -> tuple[click.Command, list[str]]:
    """The command of a call, including its group, and the remaining arguments."""
    found, rest = cli.get_command(CONTEXT, call[0]), call[1:]
    assert found is not None, f"there is no command cutouts {call[0]}"
    while isinstance(found, click.Group) and rest:
        below = found.get_command(CONTEXT, rest[0])
        assert below is not None, f"there is no command cutouts {' '.join(call[:2])}"
        found, rest = below, rest[1:]
    if isinstance(found, FirstWordCommand) and rest and (other := found.other(rest[0])):
        return other, rest[1:]
    return found, rest


def _options(command: click.Command) -> set[str]:
    """The options of a command and of those below it."""
    below = list(command.commands.values()) if isinstance(command, click.Group) else []
    if isinstance(command, FirstWordCommand):
        below += [one for one in map(command.other, command.others) if one is not None]
    return {name for one in (command, *below) for option in one.params for name in option.opts}


def _named(case: object) -> str:
    return " ".join(case) if isinstance(case, list) else getattr(case, "name", "")


@pytest.fixture(scope="module")
def named_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files and folders that the pages name."""
    here = tmp_path_factory.mktemp("named")
    for folder in (*FOLDERS, *(f"sets/{name}" for name in SETS)):
        (here / folder).mkdir(parents=True, exist_ok=True)
    for file in FILES:
        (here / file).parent.mkdir(parents=True, exist_ok=True)
        (here / file).touch()
    return here


@pytest.mark.parametrize(("page", "call"), CALLS, ids=_named)
def test_every_documented_call_is_valid(
    page: Path, call: list[str], named_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser accepts command, options and arguments, and the named files exist."""
    monkeypatch.chdir(named_files)
    command, words = _called(call)
    here = [word.removeprefix("/") for word in words]
    command.make_context(call[0], here, parent=CONTEXT)


@pytest.mark.parametrize(("page", "call"), MENTIONS, ids=_named)
def test_every_mentioned_command_has_the_mentioned_options(page: Path, call: list[str]) -> None:
    """`cutouts publish --approve` in a sentence names a command and options that it has."""
    assert {word for word in call if word.startswith("-")} <= _options(_called(call)[0]) | {"--help"}


def test_every_command_is_documented() -> None:
    """Users find each command in the documentation."""
    assert {call[0] for _page, call in CALLS} >= set(cli.list_commands(CONTEXT))


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "changelog.md"], ids=lambda page: page.name)
def test_options_in_the_text_exist(page: Path) -> None:
    """An option in backticks is one of our commands', or belongs to another program that the page calls.

    The changelog may name options that no longer exist.
    """
    known = {name for name in cli.list_commands(CONTEXT) for name in _options(_called([name])[0])} | {"--help"}
    others = {word for words in shell_lines(page) if words[0] != "cutouts" for word in words}
    named = {span.split()[0] for span in spans(page) if span.startswith("-")}
    assert named - {"--env-file"} <= known | others


def test_make_targets_match_the_makefile() -> None:
    """Each `make …` is a target, and each target with a description is documented."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) - {"help"}
    told = {words[1] for page in PAGES for words in shell_lines(page) if words[0] == "make"}
    told |= {span.split()[1] for page in PAGES for span in spans(page) if re.match(r"make [a-z]", span)}
    assert told == targets
