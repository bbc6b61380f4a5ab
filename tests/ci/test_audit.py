"""The audit of locked requirements: the real pip-audit against a local vulnerability service."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
AUDIT = ROOT / ".ci" / "audit.py"
_audit = runpy.run_path(str(AUDIT))
CLEAN, VULNERABLE, DID_NOT_RUN = (_audit[name] for name in ("CLEAN", "VULNERABLE", "DID_NOT_RUN"))
TOOLS = ROOT / ".venv-tools" / "bin" / "python"
LOCKED = "six==1.17.0 \\\n    --hash=sha256:" + "0" * 64 + "\nzipp==4.1.2 \\\n    --hash=sha256:" + "1" * 64 + "\n"
DID_NOT = "The audit did not run: "

with_pip_audit = pytest.mark.skipif(not TOOLS.exists(), reason="pip-audit is installed by `make .venv-tools/.ready`")


class _Service(BaseHTTPRequestHandler):
    """Answers like OSV: `known` for a package, `{}` for others, or an error if `status` says so."""

    known: Mapping[str, str] = {}
    status = 200

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = self.known.get(asked["package"]["name"])
        body = json.dumps({"vulns": [{"id": name, "summary": "bad", "affected": []}]} if name else {}).encode()
        self.send_response(self.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the library's name
        """Log nothing."""


@pytest.fixture
def service() -> Iterator[tuple[str, type[_Service]]]:
    """A service's URL, and the place to set its answers."""
    kind = type("Service", (_Service,), {"known": {"pyyaml": "PYSEC-2020-96"}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", kind
    server.shutdown()
    server.server_close()


def audited(folder: Path, url: str, *flags: str, python: Path = TOOLS) -> tuple[int, str]:
    """The exit status and the output."""
    file = folder / "requirements.txt"
    file.write_text(LOCKED, encoding="utf-8")
    command = [sys.executable, str(AUDIT), "--python", str(python), "--service", url, *flags, str(file)]
    environment = {**os.environ, "NO_PROXY": "*"}  # the service is on this machine
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stdout


@with_pip_audit
def test_packages_without_a_vulnerability_pass(tmp_path: Path, service: tuple[str, type[_Service]]) -> None:
    """Each locked package was looked up."""
    assert audited(tmp_path, service[0]) == (CLEAN, "No known vulnerabilities in 2 packages.\n")


@with_pip_audit
def test_a_vulnerability_is_named_and_fails(tmp_path: Path, service: tuple[str, type[_Service]]) -> None:
    """The package, its version and the vulnerability are named; `--may-not-run` does not excuse it."""
    service[1].known = {**service[1].known, "zipp": "PYSEC-1-2"}
    status, text = audited(tmp_path, service[0], "--may-not-run")
    assert status == VULNERABLE
    assert text.splitlines() == [
        "zipp 4.1.2: PYSEC-1-2, fixed in no version yet",
        "Known vulnerabilities: 1, in 2 packages.",
    ]


@with_pip_audit
def test_an_unreachable_service_does_not_pass(tmp_path: Path) -> None:
    """It has its own status; `--may-not-run` accepts it for a machine without internet, but says so."""
    status, text = audited(tmp_path, "http://127.0.0.1:9/")
    assert (status, text.startswith(DID_NOT)) == (DID_NOT_RUN, True)
    status, text = audited(tmp_path, "http://127.0.0.1:9/", "--may-not-run")
    assert (status, text.startswith(DID_NOT)) == (CLEAN, True)


@with_pip_audit
@pytest.mark.parametrize(("known", "status"), [({}, 200), ({"pyyaml": "PYSEC-2020-96"}, 503), ({}, 404)])
def test_a_service_without_answers_does_not_pass(
    tmp_path: Path, service: tuple[str, type[_Service]], known: dict[str, str], status: int
) -> None:
    """It answers each query with nothing, or with an error."""
    service[1].known, service[1].status = known, status
    ended, text = audited(tmp_path, service[0])
    assert (ended, text.startswith(DID_NOT), "No known" in text) == (DID_NOT_RUN, True, False)


def test_an_audit_without_pip_audit_did_not_run(tmp_path: Path) -> None:
    """The message says that Python lacks it."""
    status, text = audited(tmp_path, "http://127.0.0.1:9/", python=Path(sys.executable))
    assert (status, "pip_audit" in text) == (DID_NOT_RUN, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '{"dependencies": [{"name": "zipp", "skip_reason": "not found"}]}',
            "1 packages were skipped: zipp (not found)",
        ),
        ("[]", "gave no report"),
        ("<html>", "gave no report"),
    ],
)
def test_a_report_that_leaves_packages_out_does_not_pass(text: str, words: str) -> None:
    """pip-audit itself prints `No known vulnerabilities found` in that case."""
    with pytest.raises(_audit["AuditDidNotRunError"], match=words.replace("(", r"\(").replace(")", r"\)")):
        _audit["Report"].parse(text)
