"""The services of the compose file, with their commands and health checks run on this machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cutouts.core.config import parse_site
from cutouts.core.text.display import redacted
from cutouts.runner.certificates import CA, CERTIFICATE, KEY, make_certificates
from cutouts_airflow.standalone import PARTS, START_SECONDS
from tests.dask_cluster import dask_process, free_port
from tests.docker.files import ROOT, compose, environment, recipe, values
from tests.waiting import until

SERVICES = tuple(compose()["services"])


ONCE = "first-start"
"""The services that run once, before the others."""
STANDING = tuple(name for name in SERVICES if name != ONCE)


@pytest.mark.parametrize("name", STANDING)
def test_every_service_has_a_health_check(name: str) -> None:
    """It is in exec form with limits, and the service restarts by itself."""
    service = compose()["services"][name]
    check = service["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries"} <= check.keys()
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_has_more_rights_than_it_needs(name: str) -> None:
    """None becomes root again, has a kernel capability or may gain one."""
    service = compose()["services"][name]
    assert service.get("user", "image's") not in ("root", "0")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")


@pytest.mark.parametrize("name", SERVICES)
def test_services_have_limits_and_read_only_images(name: str) -> None:
    """Memory and processes are limited; files are written to a volume, or to memory if they are private."""
    service = compose()["services"][name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert 0 < service["pids_limit"] <= 1024
    assert service["read_only"] is True
    assert any(mount.startswith("/tmp:") for mount in service["tmpfs"])


def test_there_is_no_default_password() -> None:
    """The file has neither a password nor a default; the database reads a generated file."""
    told = [item for one in compose()["services"].values() for item in one.get("environment", {}).items()]
    assert {name for name, _ in told if "PASS" in name} == {"POSTGRES_PASSWORD_FILE", "PGPASSFILE"}
    assert [value for name, value in told if "PASS" in name and not value.startswith("/passwords/")] == []
    assert [value for _, value in told if redacted(value) != value] == []


def test_workers_cannot_reach_the_database() -> None:
    """They decode foreign files, so they share neither its password nor a network with it."""
    services = compose()["services"]
    for name in (name for name in services if name.startswith(("worker", "scheduler"))):
        assert not set(services[name]["networks"]) & set(services["catalog"]["networks"])
        assert not any(mount.startswith("passwords:") for mount in services[name].get("volumes", []))
        assert "PGPASSFILE" not in services[name].get("environment", {})
    assert compose()["networks"]["catalog"]["internal"] is True


def test_the_first_start_creates_secrets_once(tmp_path: Path) -> None:
    """Certificates and a password are private, and another start changes nothing."""
    script, *_ = compose()["services"][ONCE]["command"]
    command = [str(ROOT / "docker" / script), str(tmp_path / "certificates"), str(tmp_path)]
    path = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    subprocess.run(command, env=path, check=True, capture_output=True)
    password = (tmp_path / "catalog").read_text()
    assert len(password) >= 32
    assert (tmp_path / "pgpass").read_text() == f"*:*:*:cutouts:{password}\n"
    assert (tmp_path / "pgpass").stat().st_mode & 0o777 == 0o600
    made = {file.name: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert len(made) == 5
    subprocess.run(command, env=path, check=True, capture_output=True)
    assert {file.name: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == made


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_those_that_it_needs(name: str) -> None:
    """Each dependency starts with every profile, and is waited for until it is healthy."""
    for needed, how in compose()["services"][name].get("depends_on", {}).items():
        assert "profiles" not in compose()["services"][needed]
        assert how == {"condition": "service_completed_successfully" if needed == ONCE else "service_healthy"}


def test_only_this_machine_can_reach_the_pages() -> None:
    """Every published port is bound to loopback, and Airflow's is the one that it listens on."""
    ports = [port for one in compose()["services"].values() for port in one.get("ports", [])]
    assert ports == ["127.0.0.1:8080:8080"]


def test_images_are_ours_or_pinned() -> None:
    """A service runs what the Dockerfile builds, or a full version of another image."""
    for service in compose()["services"].values():
        ours = service.get("build") == {
            "context": "..",
            "dockerfile": "docker/Dockerfile",
            "args": {"ACCELERATOR": "cpu"},
        }
        assert ours or re.fullmatch(r"[a-z]+:\d+\.\d+-bookworm", service["image"])


def test_every_volume_is_declared_and_used() -> None:
    """Every mounted name is declared, and the site's is where the image makes its user the owner."""
    mounts = [mount.split(":") for one in compose()["services"].values() for mount in one.get("volumes", [])]
    assert {mount[0] for mount in mounts} == set(compose()["volumes"])
    assert ["site", environment()["CUTOUTS_ROOT"]] in mounts
    assert ["airflow", "/app/var"] in mounts


def test_airflow_runs_the_command_of_the_makefile() -> None:
    """compose and `make airflow` start the same program."""
    (line,) = recipe("airflow")
    command = compose()["services"]["airflow"]["command"]
    assert command == line.split(" ", 1)[1].replace(".venv/bin/", "").split()


@pytest.mark.parametrize("name", [name for name in SERVICES if name.startswith(("worker", "airflow"))])
def test_settings_are_those_of_a_site(name: str) -> None:
    """Every CUTOUTS_* is a setting, and scheduler and database are the services of those names."""
    services = compose()["services"]
    settings = {**environment(), **services[name]["environment"]}
    site = parse_site({}, {key: value for key, value in settings.items() if key.startswith("CUTOUTS_")})
    scheduler = services["scheduler"]["command"]
    assert site.cluster == f"tls://scheduler:{scheduler[scheduler.index('--port') + 1]}"
    assert [site.tls_ca_file, site.tls_cert, site.tls_key] == _certificates(scheduler)
    assert site.catalog_url.endswith("@catalog/cutouts")
    assert services["catalog"]["environment"]["POSTGRES_DB"] == "cutouts"


def test_the_health_check_allows_airflow_its_start_time() -> None:
    """The container is not called unhealthy while `make airflow` would still wait."""
    for check in (compose()["services"]["airflow"]["healthcheck"]["start_period"], *values("HEALTHCHECK")):
        found = re.search(r"(\d+)s$|--start-period=(\d+)s", check)
        assert found
        assert float(found[1] or found[2]) >= START_SECONDS


def test_scheduler_and_worker_start_and_become_healthy(tmp_path: Path) -> None:
    """Their commands and health checks run on local ports, and the checks fail before the start."""
    make_certificates(tmp_path)
    places = {"8786": str(free_port()), "8787": str(free_port()), "8789": str(free_port()), "scheduler": "127.0.0.1"}
    places |= {f"/certificates/{file}": str(tmp_path / file) for file in (CA, CERTIFICATE, KEY)}
    scheduler, worker = (_here(compose()["services"][name]["command"], places) for name in ("scheduler", "worker"))
    checks = [_check(name, places) for name in ("scheduler", "worker")]
    assert [_status(check) for check in checks] == [1, 1]
    with dask_process(*scheduler[1:]), dask_process(*worker[1:]):
        until(lambda: not any(map(_status, checks)))


def test_airflow_is_healthy_only_if_every_part_is() -> None:
    """The check asks for Airflow's own health and fails if one part has no heartbeat."""
    with _health(dict.fromkeys(PARTS, "healthy")) as port:
        assert _status(_check("airflow", {"8080": port})) == 0
    with _health(dict.fromkeys(PARTS[:-1], "healthy")) as port:
        assert _status(_check("airflow", {"8080": port})) == 1


def _certificates(command: Sequence[str]) -> list[str]:
    return [command[command.index(option) + 1] for option in ("--tls-ca-file", "--tls-cert", "--tls-key")]


def _here(command: Sequence[str], places: dict[str, str]) -> list[str]:
    """A command of the compose file with the ports and names of this test."""
    pattern = re.compile("|".join(rf"(?<![\w.]){re.escape(name)}(?!\w)" for name in places))
    return [pattern.sub(lambda found: places[found[0]], word) if word != "scheduler" else word for word in command]


def _check(name: str, places: dict[str, str]) -> list[str]:
    test = compose()["services"][name]["healthcheck"]["test"]
    return [sys.executable, *_here(test[2:], places)]


def _status(check: list[str]) -> int:
    path = {"PYTHONPATH": str(ROOT / "plugins"), "PATH": str(Path(sys.executable).parent)}
    return subprocess.run(check, env=path, cwd=ROOT, capture_output=True, check=False).returncode


@contextmanager
def _health(states: dict[str, str]) -> Iterator[str]:
    """A server that answers like Airflow on /api/v2/monitor/health; gives its port."""
    body = json.dumps({part: {"status": state} for part, state in states.items()}).encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/v2/monitor/health" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield str(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
