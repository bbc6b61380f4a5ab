"""How commands end: one line on stderr, an exit status by kind, and nothing lost if they are stopped."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cutouts.cli.console.exit_status import Status, status_of, words_of
from cutouts.cli.console.progress import Tally
from cutouts.core.errors import ConfigError, ImageRejected, StorageError, TransientError
from cutouts.core.rejection_reasons import RejectionReason
from tests.photographs import product
from tests.waiting import PATIENCE, until

CUTOUTS = str(Path(sys.executable).parent / "cutouts")
HEEDING = ("env", "--default-signal=INT")
"""Ctrl-C as in a terminal: a shell's background job inherits that it is ignored."""
SERIAL = {**os.environ, "CUTOUTS_CLUSTER": "serial", "CUTOUTS_SHARD_IMAGES": "4"}


def call(*arguments: object, **how: object) -> subprocess.CompletedProcess[str]:
    """Run `cutouts` in a separate process."""
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [CUTOUTS, *map(str, arguments)], capture_output=True, text=True, check=False, **{"env": SERIAL, **how}
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many photographs that a command takes a while."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(20):
        product(folder / f"{seed:02}.jpg", seed=seed, size=700)
    return folder


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (ConfigError("the settings are wrong", ["a"]), Status.FAILED, "the settings are wrong\n  - a"),
        (TransientError("the cluster is away"), Status.TRY_AGAIN, "the cluster is away"),
        (StorageError("the store"), Status.FAILED, "the store"),
        (ImageRejected(RejectionReason.EMPTY, "a.jpg"), Status.FAILED, "the file is empty: a.jpg"),
        (PermissionError(errno.EACCES, "x", "/p"), Status.FAILED, "/p: Permission denied; name another folder"),
        (OSError(errno.ENOSPC, "x"), Status.FAILED, "No space left on device; free some space and run it again"),
        (MemoryError(), Status.FAILED, "there is not enough memory"),
        (KeyError("x"), Status.BUG, "KeyError: 'x' (this is a bug"),
        (RecursionError(), Status.BUG, "RecursionError (this is a bug"),
        (OSError("no number"), Status.BUG, "OSError: no number (this is a bug"),
    ],
)
def test_an_error_has_a_message_and_a_status_by_its_kind(error: Exception, status: Status, words: str) -> None:
    """The kinds are expected, worth a retry, from the system, and unexpected."""
    assert status_of(error) is status
    assert words_of(error).startswith(words)


def test_no_traceback_is_shown_unless_asked_for(tmp_path: Path) -> None:
    """A missing network, wrong settings and a bug each give one line and what to do."""
    done = call("models", "verify", "nobody")
    assert done.returncode == Status.FAILED
    assert done.stderr.startswith("unknown model 'nobody'")
    assert "Traceback" not in done.stderr
    assert "Traceback" in call("--debug", "models", "verify", "nobody").stderr
    assert call("cut", tmp_path / "nowhere", "-o", "x").returncode == Status.USAGE


def test_a_bug_is_one_line_with_its_type(tmp_path: Path) -> None:
    """This holds for every exception, wherever it was raised."""
    script = """
import sys
import cutouts.cli.upkeep.doctor as doctor
doctor._checks = None
sys.argv = ["cutouts", "doctor"]
from cutouts.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == Status.BUG
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("TypeError: 'NoneType' object is not callable (this is a bug: please report it")


def test_a_closed_pipe_is_not_an_error() -> None:
    """This happens after `cutouts models list | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as stdout:  # noqa: PTH123 -- a descriptor
        done = subprocess.run(
            [CUTOUTS, "models", "list"], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (Status.NOBODY_READS, "")


def test_an_output_that_cannot_be_written_is_an_error() -> None:
    """Text that was never written is not success."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run([CUTOUTS, "models", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == Status.FAILED
    assert done.stderr.startswith("No space left on device")


def stopped(
    command: Sequence[object], when: Callable[[], bool], sign: int, *, times: int = 1
) -> tuple[int, str, float]:
    """Start a command and signal its processes once something is true; gives status, stderr and seconds."""
    process = subprocess.Popen(
        [*HEEDING, CUTOUTS, *map(str, command)],
        env=SERIAL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(when, process=process)
    began = time.monotonic()
    for _ in range(times):
        os.killpg(process.pid, sign)
        time.sleep(0.1)
    told = process.communicate(timeout=PATIENCE)[1]
    return process.returncode, told, time.monotonic() - began


def pngs(folder: Path) -> int:
    """The complete files of a folder."""
    return len(list(folder.glob("*.png")))


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_stops_cut_after_the_images_in_progress(photos: Path, tmp_path: Path, times: int) -> None:
    """All finished images are whole, and the same command continues; a second Ctrl-C stops at once."""
    out = tmp_path / "out"
    status, told, _ = stopped(
        ["cut", photos, "-o", out, "--threads", 2], lambda: pngs(out) >= 3, signal.SIGINT, times=times
    )
    assert status == Status.STOPPED
    assert "Traceback" not in told
    assert 3 <= pngs(out) <= 10
    if times == 1:
        assert f"stopped after {pngs(out)} of 20 images" in told
    assert "20 images" in call("cut", photos, "-o", out).stderr
    assert pngs(out) == 20


_LEAVES_SLOWLY = """
import atexit, click, time
from cutouts.cli.console.exit_status import ended

def slowly():
    print("leaving", flush=True)
    time.sleep(2)

def stopped():
    {within}
    raise click.exceptions.Abort

{before}
ended(stopped)
"""


@pytest.mark.parametrize("when", ["before", "within"])
def test_ctrl_c_while_a_command_ends_does_not_change_its_status(when: str) -> None:
    """Its last messages are printed, while libraries take time to close what they have open."""
    code = _LEAVES_SLOWLY.format(**{"before": "", "within": "", when: "atexit.register(slowly)"})
    process = subprocess.Popen(
        [*HEEDING, sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "leaving\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE) == ("", "Stopped.\n")
    assert process.returncode == Status.STOPPED


_DROPS_SIGNALS = """
import os, signal, sys, time
from cutouts.cli.console.exit_status import ended

class Dropping:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        time.sleep(0.01)

def work():
    Dropping()
    time.sleep(6000)
    print("went on")

ended(work)
"""


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", Status.TERMINATED), ("SIGINT", Status.STOPPED)])
def test_a_signal_that_python_drops_still_ends_the_command(name: str, status: Status) -> None:
    """It arrived in a destructor, where exceptions are only printed."""
    code = _DROPS_SIGNALS.format(name=name)
    done = subprocess.run(
        [*HEEDING, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (status, "")
    assert "Traceback" not in done.stderr


def test_sigterm_stops_cut_like_ctrl_c(photos: Path, tmp_path: Path) -> None:
    """A service that is shut down says what it did."""
    out = tmp_path / "out"
    status, told, _ = stopped(["cut", photos, "-o", out, "--threads", 2], lambda: pngs(out) >= 3, signal.SIGTERM)
    assert status == Status.TERMINATED
    assert f"stopped after {pngs(out)} of 20 images" in told


def test_ctrl_c_stops_a_run_and_keeps_its_shards(photos: Path, tmp_path: Path) -> None:
    """It says how many images are done and to run it again."""
    out = tmp_path / "out"
    status, told, _ = stopped(
        ["run", photos, "--out", out], lambda: bool(list(out.glob("tables/shards/*/*/receipt.json"))), signal.SIGINT
    )
    assert status == Status.STOPPED
    assert " of 20 images; finished shards are kept, run it again" in told
    assert "Traceback" not in told


def test_ctrl_c_while_workers_start_is_no_traceback(photos: Path, tmp_path: Path) -> None:
    """Each worker is a process of the terminal too, and imports for seconds before it can ignore Ctrl-C."""
    out = tmp_path / "out"
    command = [*HEEDING, CUTOUTS, "run", str(photos), "--out", str(out), "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until(lambda: len(spawned_by(process.pid)) >= 2, process=process)
    workers = spawned_by(process.pid)
    for wait in (0.3, 0.1, 0.1):
        time.sleep(wait)
        os.killpg(process.pid, signal.SIGINT)
    told = process.communicate(timeout=PATIENCE)[1]
    assert ("Traceback" in told, process.returncode) == (False, Status.STOPPED), told
    assert not [worker for worker in workers if Path("/proc", worker).exists()]


def spawned_by(parent: int) -> list[str]:
    """The ids of the Python processes that a process has spawned to work for it."""
    children = Path(f"/proc/{parent}/task").glob("*/children")
    ids = [child for one in children for child in one.read_text().split()]
    return [child for child in ids if b"spawn_main" in Path("/proc", child, "cmdline").read_bytes()]


def test_a_stopped_command_says_how_many_images_it_processed(capsys: pytest.CaptureFixture[str]) -> None:
    """`evaluate`, `look`, `manifest` and `composites` keep none of them; an error has its own message."""
    tally = Tally("look", 20)
    tally.add("asked", 12)
    with pytest.raises(KeyboardInterrupt), tally:
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "look: stopped after 12 of 20 images\n"
    with pytest.raises(StorageError), Tally("look", 20):
        raise StorageError("the disk")
    assert capsys.readouterr().err == ""


def test_a_full_disk_is_one_line_after_what_is_done(photos: Path, tmp_path: Path) -> None:
    """Files are limited to 40 kB: the first photographs fit and a larger one does not."""
    out, small = tmp_path / "out", tmp_path / "small"
    for seed in range(3):
        product(small / f"{seed}.jpg", seed=seed, size=60)
    product(small / "x.jpg", size=1500)
    limit = (40_000, 40_000)
    done = call(
        "cut", small, "-o", out, "--threads", 1, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    )
    assert done.returncode == Status.FAILED
    assert "3 images in" in done.stderr
    assert "stopped after 3 of 4 images" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        f"{out / 'x.png'} cannot be written: File too large; allow larger files"
    )
    assert sorted(path.name for path in out.iterdir()) == ["0.png", "1.png", "2.png"]


def test_a_name_that_the_system_refuses_does_not_stop_the_others(tmp_path: Path) -> None:
    """Something of another kind is in place of one output."""
    product(tmp_path / "p" / "sub" / "a.jpg")
    product(tmp_path / "p" / "b.jpg")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").write_text("a file")
    done = call("cut", tmp_path / "p", "-o", tmp_path / "out")
    assert done.returncode == Status.FAILED
    assert f"not written: {tmp_path / 'out' / 'sub' / 'a.png'}: " in done.stderr
    assert (tmp_path / "out" / "b.png").is_file()
