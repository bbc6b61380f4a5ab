"""The Dockerfile compared with the Makefile, the requirements and the project."""

from __future__ import annotations

import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import get_args

import pytest

from cutouts.core.config import Provider
from tests.docker.files import ROOT, compose, dockerfile, environment, recipe, settings, values


def test_it_installs_what_make_setup_installs() -> None:
    """Each step of `make setup` except its final note is in the Dockerfile."""
    steps = [line.replace("$*", "${ACCELERATOR}") for line in recipe(".venv/.cpu .venv/.gpu: .venv/.%")]
    runs = " ".join(values("RUN"))
    wanted = [re.sub(r"\s*(#.*|\|\| true.*)$", "", step) for step in steps if not step.startswith("rm ")]
    assert len(wanted) == 3
    assert [step for step in wanted if step not in runs] == []


def test_it_lists_its_packages_as_make_sbom_does() -> None:
    """The list and the page about licences are beside the environment, and the tool that writes them is not."""
    _, command = recipe("sbom")[0].split(" ", 1)
    assert f"/tools/.venv/bin/cyclonedx-py {command}" in " ".join(values("RUN"))
    assert "docs/licences.md ./" in values("COPY")
    assert [value for value in values("COPY") if value.startswith("--from")] == ["--from=build /app /app"]


def test_both_accelerators_have_locked_and_hashed_requirements() -> None:
    """`ACCELERATOR` chooses between requirements that pin every package."""
    for accelerator in ("cpu", "gpu"):
        text = (ROOT / f"requirements-{accelerator}.txt").read_text(encoding="utf-8")
        assert len(re.findall(r"^[a-z0-9].*==", text, re.MULTILINE)) > 100


@pytest.mark.parametrize("image", [value.split()[0] for value in values("FROM")])
def test_its_bases_are_pinned(image: str) -> None:
    """Each base names a full Python version and a Debian release, the same for both stages."""
    version = next(value for value in values("ARG") if value.startswith("PYTHON_VERSION=")).partition("=")[2]
    assert re.fullmatch(r"python:\$\{PYTHON_VERSION\}(-slim)?-bookworm", image)
    assert re.fullmatch(r"3\.\d+\.\d+", version)


def test_its_python_is_supported_by_the_project() -> None:
    """The image's Python satisfies `requires-python`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups()  # type: ignore[union-attr]
    minor = int(values("ARG")[0].split(".")[1])
    assert int(low) <= minor < int(high)


def test_its_final_stage_has_no_compilers() -> None:
    """The final stage is the slim image, into which nothing is installed."""
    *_, last = [place for place, one in enumerate(dockerfile()) if one.name == "FROM"]
    final = dockerfile()[last:]
    assert "-slim-" in final[0].value
    assert not [one for one in final if one.name == "RUN" and re.search(r"\b(apt-get|pip|gcc|make)\b", one.value)]


def test_it_does_not_run_as_root() -> None:
    """The last user is a non-zero number, which an orchestrator can check, and owns what is written."""
    user = values("USER")[-1]
    (make_user,) = [run for run in values("RUN") if "useradd" in run]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert f"--uid {user.partition(':')[0]}" in make_user
    assert {"/app/var", environment()["CUTOUTS_ROOT"]} <= set(make_user.split())
    mounts = [mount.split(":") for one in compose()["services"].values() for mount in one.get("volumes", [])]
    assert {mount[1] for mount in mounts if mount[0] in ("certificates", "passwords")} <= set(make_user.split())


def test_everything_that_it_copies_exists_and_is_not_ignored() -> None:
    """Each source of COPY is named in .dockerignore, which excludes everything else."""
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = [line[1:] for line in ignore if line.startswith("!")]
    assert "*" in ignore
    copies = [value.split()[:-1] for value in values("COPY") if not value.startswith("--from")]
    sources = {source.replace("${ACCELERATOR}", kind) for part in copies for source in part for kind in ("cpu", "gpu")}
    assert sources == set(let_in)
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_no_bytecode_of_this_machine_is_copied() -> None:
    """Bytecode is compiled in the image from its own code."""
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert any(
        fnmatch("pipeline/cutouts/core/__pycache__", pattern) for pattern in ignore if not pattern.startswith("!")
    )


def test_it_starts_airflow_as_make_does() -> None:
    """The image's command is that of `make airflow`, with the same plugins on the path."""
    (line,) = recipe("airflow")
    path, command = line.split(" ", 1)
    assert json.loads(values("CMD")[-1]) == command.replace(".venv/bin/", "").split()
    assert Path(environment()["PYTHONPATH"]).name == path.removeprefix("PYTHONPATH=")
    assert environment()["PATH"].startswith("/app/.venv/bin:")


def test_it_asks_for_a_password_if_others_can_reach_it() -> None:
    """In a container Airflow binds every interface, so not everybody may be an administrator."""
    assert environment()["AIRFLOW__API__HOST"] == "0.0.0.0"
    assert environment()["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"


def test_its_health_check_is_that_of_the_service() -> None:
    """`docker run` and compose use the same check."""
    (check,) = values("HEALTHCHECK")
    assert json.loads(check.partition("CMD ")[2]) == compose()["services"]["airflow"]["healthcheck"]["test"][1:]


def test_the_gpu_settings_are_valid() -> None:
    """gpu.env names existing requirements, a known provider and a profile of the compose file."""
    gpu, profiles = settings("gpu.env"), {settings(file)["COMPOSE_PROFILES"] for file in (".env", "gpu.env")}
    assert (ROOT / f"requirements-{gpu['ACCELERATOR']}.txt").is_file()
    assert gpu["PROVIDER"] in get_args(Provider)
    assert profiles == {name for one in compose()["services"].values() for name in one.get("profiles", [])}
    text = (ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8")
    assert all(f"${{{name}:-" in text for name in gpu if name != "COMPOSE_PROFILES")
