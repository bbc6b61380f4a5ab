"""Hooks and workflows compared with the project: they run what `make check` runs and publish without a secret."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def test_hooks_run_the_tools_of_make_check() -> None:
    """They run the same four commands from .venv, so that a hook downloads nothing and agrees with the check."""
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert local["repo"] == "local"
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    entries = [hook["entry"].replace(" --force-exclude", "") for hook in local["hooks"]]
    recipe = MAKEFILE.split("\ncheck:", 1)[1].split("\n\n", 1)[0]
    checks = re.findall(r"^\t\$\(BIN\)/(.+?)(?: \.)?$", recipe, re.MULTILINE)
    assert sorted(entries) == sorted(f".venv/bin/{check.replace(' . ', ' ')}" for check in checks)


@pytest.mark.parametrize("folder", ["a$b", "Ada's $(shoes)", "(new"])
def test_make_takes_a_folder_with_any_name(folder: str) -> None:
    """Neither make nor the shell replaces anything in it."""
    planned = ["make", "--no-print-directory", "--dry-run", "--assume-old=setup", "demo", f"IMAGES={folder}"]
    done = subprocess.run(planned, cwd=ROOT, capture_output=True, text=True, check=True)
    assert shlex.split(done.stdout.splitlines()[-1])[-2:] == ["--images", folder]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_existing_targets(workflow: Path) -> None:
    """Each `make …` is a target of the Makefile, and each requirements file exists."""
    told = [step["run"] for step in _steps(workflow) if "run" in step]
    assert told
    for command in told:
        for target in re.findall(r"^make ([a-z-]+)", command):
            assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)
        for file in re.findall(r"requirements-\w+\.txt", command):
            assert (ROOT / file).is_file()


def test_the_supported_pythons_are_tested() -> None:
    """They are exactly those of the classifiers."""
    test = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]["test"]
    words = "Programming Language :: Python :: 3."
    supported = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if name.startswith(words)]
    assert test["strategy"]["matrix"]["python"] == supported


def test_a_release_needs_no_secret() -> None:
    """The index trusts the workflow, and only the publishing job can request its identity."""
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert "secrets." not in text
    assert [name for name, job in jobs.items() if "id-token" in job.get("permissions", {})] == ["publish"]
    assert jobs["publish"]["needs"] == "build"
