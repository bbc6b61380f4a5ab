"""A PostgreSQL server for the test session: fixtures of `tests/conftest.py`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

_USER = "cutouts"
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""Settings that may lose data in a crash of the machine, which does not matter to tests."""


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of an empty database on a server that stops with the session.

    Skips if PostgreSQL is not installed, and fails if CI=true.
    """
    programs = _programs()
    if programs is None:
        reason = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="cutouts-postgres-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        port = _start(programs, folder)
        stack.callback(_run, programs / "pg_ctl", "stop", "--mode=immediate", f"--pgdata={folder / 'data'}")
        yield f"postgresql://{_USER}@127.0.0.1:{port}/postgres"


@cache
def _programs() -> Path | None:
    """The folder of the newest PostgreSQL server programs, which Debian keeps off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -int(folder.parent.name))
    on_path = shutil.which("initdb")
    candidates = [*debian, *([Path(on_path).resolve().parent] if on_path else [])]
    whole = (folder for folder in candidates if (folder / "initdb").exists() and (folder / "pg_ctl").exists())
    return next(whole, None)


def _start(programs: Path, folder: Path) -> int:
    """Create a cluster below `folder` and start it on a free local port, which is returned."""
    data, log = folder / "data", folder / "log"
    initdb = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", f"--username={_USER}")
    _run(programs / "initdb", *initdb, f"--pgdata={data}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    settings = ("listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={folder}", *_QUICK)
    options = " ".join(f"-c {setting}" for setting in settings)
    _run(programs / "pg_ctl", "start", "--wait", f"--pgdata={data}", f"--log={log}", f"--options={options}")
    return port


def _run(*command: str | Path) -> None:
    # The server refuses to run as root, and its own user cannot enter most of root's folders.
    become = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
    # Not a pipe: the server would inherit it, and we would wait for the server to end.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run([*become, *map(str, command)], cwd="/", stdout=said, stderr=said, check=False)
        said.seek(0)
        assert done.returncode == 0, f"{command[0]} failed:\n{said.read()}"
