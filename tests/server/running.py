"""Starts real servers, and speaks to them over real sockets."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.dask_cluster import ROOT
from tests.waiting import PATIENCE

JPEG = {"Content-Type": "image/jpeg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of the server."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Its JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(status=answer.status, headers=told, body=answer.read())
        finally:
            connection.close()

    def metric(self, name: str, headers: Mapping[str, str] | None = None) -> float:
        """A value of /metrics; 0 if it is not there yet."""
        text = self.ask("GET", "/metrics", headers=headers).body.decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def connect(self) -> socket.socket:
        """A connection that only the test writes to."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def clients(self) -> list[tuple[str, int]]:
        """Who is connected: the addresses and ports at the other ends of its connections."""
        return [tuple(one.raddr) for one in psutil.Process(self.process.pid).net_connections("tcp4") if one.raddr]

    def workers(self) -> list[psutil.Process]:
        """Its worker processes."""
        return [*psutil.Process(self.process.pid).children()]

    @contextmanager
    def stopped_workers(self) -> Iterator[list[psutil.Process]]:
        """Keep every worker from doing anything during the block."""
        workers = self.workers()
        for worker in workers:
            worker.suspend()
        try:
            yield workers
        finally:
            for worker in workers:
                with suppress(psutil.NoSuchProcess):
                    worker.resume()


@contextmanager
def serving(*command: str, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server in a process of its own, started by this command; ended after the block."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CUTOUTS_")}
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**kept, "OMP_NUM_THREADS": "1", **(environment or {})},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Server(process=process, port=_port(process))
    finally:
        for one in (*_below(process), process):
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.communicate()


def command(*arguments: str) -> tuple[str, ...]:
    """The command line of `cutouts serve` on a free port."""
    return ("-c", "from cutouts.cli import main; main()", "serve", "--port", "0", *arguments)


def end(server: Server, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
    """Send a signal, and wait for the end: the exit status and what was written to stderr."""
    server.process.send_signal(how)
    _, told = server.process.communicate(timeout=PATIENCE)
    return server.process.returncode, told


def settings(folder: Path, **more: object) -> str:
    """A settings file of a site with a tiny network; returns its path."""
    lines = {"root": str(folder / "site"), "models": str(folder / "models"), "model": "picky", **more}
    file = folder / "serve.toml"
    file.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in lines.items()), encoding="utf-8")
    return str(file)


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise AssertionError(f"the server did not start: {''.join(lines)}")


def _below(process: subprocess.Popen[str]) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [*psutil.Process(process.pid).children(recursive=True)]
    return []
