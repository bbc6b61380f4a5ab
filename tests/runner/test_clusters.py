"""Where work may run: unavailable clusters are refused, and defaults follow the machine."""

from __future__ import annotations

import gc
import os
import signal

import pytest
from distributed import Client, versions

from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, TransientError
from cutouts.runner import clusters, open_runner, probe, simulated_runner
from cutouts.stages.deadline import deadlines
from tests.dask_cluster import scheduler_process

pytestmark = pytest.mark.filterwarnings("ignore::distributed.versions.VersionMismatchWarning")


def test_a_broken_handshake_is_repeated(standing_scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's handshake fails if another client cancels just then; if it always fails, Airflow retries."""
    failures = iter([True, False])
    connect = Client._ensure_connected

    async def welcomed(client: Client, timeout: float | None = None) -> None:
        assert not next(failures, True)
        await connect(client, timeout=timeout)

    monkeypatch.setattr(Client, "_ensure_connected", welcomed)
    assert probe(Site(cluster=standing_scheduler)).workers >= 1
    with pytest.raises(TransientError, match="too busy to accept a connection"):
        probe(Site(cluster=standing_scheduler))


def test_a_cluster_is_opened_at_its_first_use() -> None:
    """A block without work, or a map over nothing, does not connect, but a query does."""
    with open_runner(Site(cluster="tls://127.0.0.1:9")) as runner:
        assert list(runner.map(abs, [])) == []
        with pytest.raises(ConfigError, match="certificates"):
            runner.describe()


def test_a_cluster_leaves_the_environment_of_its_caller_as_it_was() -> None:
    """Its workers import nothing from the working folder, but later processes of the caller may."""
    before = dict(os.environ)
    with open_runner(Site(cluster="local", workers=1, threads=1)) as runner:
        assert list(runner.map(_safe_path, [0])) == ["1"]
    assert dict(os.environ) == before


def test_a_missing_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a driver `cuda` is an error before any cluster is opened."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(ConfigError, match="no NVIDIA GPU"):
        probe(Site(cluster="cuda"))


def test_an_unreachable_scheduler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has its address and is worth a retry."""
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 0.5)
    with pytest.raises(TransientError, match=r"tcp://127\.0\.0\.1:9 "):
        probe(Site(cluster="tcp://127.0.0.1:9"))


def test_a_client_without_a_handshake_is_closed_at_once(
    standing_scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The garbage collector might close it while the next one starts, and both would wait for ever."""

    async def never(client: Client, timeout: float | None = None) -> None:
        raise AssertionError

    monkeypatch.setattr(Client, "_ensure_connected", never)
    with pytest.raises(TransientError) as caught:
        probe(Site(cluster=standing_scheduler))
    clients = [thing for thing in gc.get_objects() if issubclass(type(thing), Client)]
    left = [client.status for client in clients if client._start_arg == standing_scheduler]
    assert left, "the traceback holds the last one"
    assert set(left) == {"closed"}
    assert caught.value.__cause__


def test_a_scheduler_without_workers_is_waited_for_and_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait is limited, and the error says how to start a worker."""
    monkeypatch.setattr(clusters, "WORKERS_SECONDS", 0.5)
    with scheduler_process() as address, pytest.raises(TransientError, match=f"dask worker {address}"):
        probe(Site(cluster=address))


def test_tls_without_certificates_lists_what_is_missing() -> None:
    """All three files are named at once."""
    with pytest.raises(ConfigError, match=r"(?s)tls_ca_file.*tls_cert.*tls_key"):
        probe(Site(cluster="tls://127.0.0.1:9"))


def test_other_versions_on_the_workers_are_refused(standing_scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names package, place and both versions."""
    ours = versions.get_package_info(clusters._PACKAGES) | {"cutouts": "0.0.1"}
    monkeypatch.setattr(versions, "get_package_info", lambda *_: ours)
    with pytest.raises(ConfigError, match=r"(?s)cutouts: the scheduler has .* we have 0\.0\.1.*cutouts: tcp://"):
        probe(Site(cluster=standing_scheduler))


def _safe_path(_item: int) -> str | None:
    return os.environ.get("PYTHONSAFEPATH")


def test_simulated_workers_leave_the_program_without_deadlines() -> None:
    """They are threads of it: no image may end it, and it may take any time."""
    with simulated_runner(2) as runner:
        assert list(runner.map(len, ["a", "bc"])) == [1, 2]
    with deadlines.within(60):
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
