"""`cutouts train`: trains the shipped network, from ImageNet weights or from an exported network."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click

from cutouts.adapters.storage.ownership import claim
from cutouts.adapters.storage.places import Places
from cutouts.adapters.terminal import say
from cutouts.core.errors import ConfigError, OutputError
from cutouts.training.batches import schedule
from cutouts.training.batches.shares import SHARES, parse_shares
from cutouts.training.data import cache
from cutouts.training.data.folds import Fold, parse_fold
from cutouts.training.loop.options import TrainingOptions

WEIGHTS = "weights/efficientnet-lite0-imagenet-fp16.npz"
_WRITTEN = ("checkpoint.pt", "left-out.txt", "log.jsonl", "network.onnx", "network-int8.onnx", "curve.png")
"""What a training writes into its folder."""


Parsed = TypeVar("Parsed")


def _parsed(
    parse: Callable[[str], Parsed], default: Parsed
) -> Callable[[click.Context, click.Parameter, str | None], Parsed]:
    """A callback for an option that `parse` reads, and that is `default` if it is not given."""

    def read(_: click.Context, parameter: click.Parameter, value: str | None) -> Parsed:
        try:
            return default if value is None else parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error), param=parameter) from error

    return read


_EXAMPLES = """
\b
Examples:
  make setup-train && . .venv-train/bin/activate
  cutouts train --data DATA --minutes 10
  cutouts train --data DATA --run mine --start default.onnx --rate 0.5 --minutes 60
  cutouts train --data DATA --run shapes --start default.onnx --rate 0.2 --shares rendered=0.5
  cutouts train --data DATA --run sure --start mine.onnx --only-presence --phases 1:512:16 --minutes 40
  cutouts train --data DATA --run mend --start default.onnx --second-look --minutes 60
  cutouts train --data DATA --run unshod --leave-out kind:shoes --leave-out source:rendered
  cutouts train --data DATA --run mean --start a.onnx --start b.onnx --minutes 0
"""


@click.command(epilog=_EXAMPLES)
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER")
@click.option("--run", type=click.Path(path_type=Path), default=Path("training"), show_default=True, metavar="FOLDER")
@click.option(
    "--cache", "decoded", type=click.Path(path_type=Path), help="The folder for decoded images.  [default: beside RUN]"
)
@click.option(
    "--minutes",
    type=click.FloatRange(0),
    default=600.0,
    show_default=True,
    help="Total time of training, over all calls; 0 writes --start without training.",
)
@click.option(
    "--images", type=click.IntRange(1), default=1_000_000, show_default=True, help="Images to train on, if time allows."
)
@click.option(
    "--start",
    "starts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="Continue from an exported network, or from the mean of several.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Factor on the learning rates.",
)
@click.option("--licensed", is_flag=True, help="Use only data whose authors state a licence (without DUTS-TR).")
@click.option(
    "--leave-out",
    "left_out",
    multiple=True,
    metavar="FOLD",
    help="Train without source:NAME or kind:NAME (kind:shoes), to measure on it later.",
)
@click.option(
    "--phases",
    callback=_parsed(schedule.parse_phases, schedule.PHASES),
    metavar="UNTIL:SIZE:BATCH,…",
    help="Input sizes and batches over time; the last size is exported.",
)
@click.option(
    "--shares",
    callback=_parsed(parse_shares, SHARES),
    metavar="NAME=SHARE,…",
    help="How often photographs and scenes without a product are drawn, and renders instead of composites."
    "  [default: natural=0.36,empty=0.24,rendered=0.3]",
)
@click.option("--frozen", type=click.IntRange(0, 16), default=5, show_default=True, help="Encoder blocks not trained.")
@click.option("--only-presence", is_flag=True, help="Only learn whether there is a product; masks stay as in --start.")
@click.option("--second-look", is_flag=True, help="Train a small network that repairs parts; --start is unchanged.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option(
    "--threads", type=click.IntRange(1), default=2, show_default=True, help="Maximum number of CPU threads of a step."
)
@click.option(
    "--loader-workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes that draw images, one core each.",
)
@click.option(
    "--validate", type=click.IntRange(1), default=200, show_default=True, help="Photographs used for validation."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--export-only", is_flag=True, help="Write the ONNX files of the last checkpoint and stop.")
def train(
    data: Path,
    run: Path,
    decoded: Path | None,
    starts: tuple[Path, ...],
    licensed: bool,
    minutes: float,
    images: int,
    export_only: bool,
    **how: Any,
) -> None:
    """Train the shipped network on FOLDER/{duts,fashion,products,backgrounds,weights}.

    Call it again to continue where it stopped. Ctrl-C saves, and so does every third minute. At the end RUN contains
    network.onnx, the same in int8 (network-int8.onnx), the training curves and the log. --minutes may differ from call
    to call: each call plans the learning rates again for the whole time.
    """
    second = how.pop("second_look")
    _refuse_what_cannot_be(minutes, starts, export_only, how["only_presence"])
    if second:
        _refuse_second_look(starts, minutes, how)
    _claim(run, starts)
    left_out = tuple(map(parse_fold, how.pop("left_out")))
    _refuse_other_folds(run, left_out)
    datasets = cache.open_datasets(data, decoded or run.parent / "cache", licensed=licensed, left_out=left_out)
    validate = how.pop("validate")
    if minutes == 0:
        write(run, starts, datasets, how["phases"][-1].size)
        return
    settings = TrainingOptions(budget=schedule.Budget(images=images, seconds=60.0 * minutes), **how)
    if second:
        _mend(run, starts[0], datasets, settings, export_only=export_only)
        return
    if export_only or _trained(data, run, starts, datasets, settings, validate):
        write(run, (), datasets, settings.phases[-1].size)
    else:
        say("stopped and saved: the same command continues from here; --export-only writes the networks trained so far")


def _refuse_what_cannot_be(minutes: float, starts: tuple[Path, ...], export_only: bool, only_presence: bool) -> None:
    """Check the options before anything is decoded. Raises UsageError if they contradict, ConfigError if PyTorch is
    missing."""
    if minutes == 0 and not starts:
        raise click.UsageError("--minutes 0 trains nothing: give the networks to write with --start")
    if minutes == 0 and export_only:
        raise click.UsageError(
            "--minutes 0 writes the networks of --start, --export-only those of RUN: use only one of them"
        )
    if only_presence and not starts:
        raise click.UsageError("--only-presence needs a trained network: give it with --start")
    _require_pytorch()


def _require_pytorch() -> None:
    """Raise ConfigError if PyTorch is missing, or is the build for GPUs without the libraries of CUDA."""
    try:
        import_module("torch")
    except ImportError as error:
        raise ConfigError(
            f"training needs PyTorch ({error})",
            ["run `make setup-train`, which makes the environment .venv-train with it"],
        ) from None


def _refuse_second_look(starts: tuple[Path, ...], minutes: float, how: Mapping[str, Any]) -> None:
    """Raise UsageError if options contradict --second-look."""
    if len(starts) != 1 or how["only_presence"] or minutes == 0:
        raise click.UsageError(
            "--second-look needs exactly one network: give one --start, no --only-presence, and --minutes above 0"
        )
    if how["device"] != "cpu":
        raise click.UsageError(f"--second-look is trained on a CPU, not on --device {how['device']}")
    if how["shares"] != SHARES:
        raise click.UsageError("--second-look has its own shares: leave out --shares")


def _claim(run: Path, starts: tuple[Path, ...]) -> None:
    """Mark what a training writes to `run` as ours. Raises OutputError if it is not, or if it is one of `starts`."""
    places = Places.of(starts)
    if read := [name for name in _WRITTEN if places.same(run / name) is not None]:
        raise OutputError(f"{run / read[0]} is a --start and would be replaced: give another --run")
    claim(run, () if _begun(run) else _WRITTEN)


def _begun(run: Path) -> bool:
    """Whether a training began there before training folders had markers."""
    try:
        with (run / "log.jsonl").open("rb") as log:
            return log.read(10) == b'{"steps": '
    except OSError:
        return False


def _refuse_other_folds(run: Path, left_out: tuple[Fold, ...]) -> None:
    """Record in `run` what is left out. Raises ConfigError if an earlier training there left out something else."""
    note, told = run / "left-out.txt", "".join(f"{fold}\n" for fold in sorted(map(str, left_out)))
    before = note.read_text(encoding="utf-8") if note.exists() else ""
    if before != told and any(run.glob("checkpoint.*")):
        raise ConfigError(
            f"{run} was trained with other --leave-out options",
            [f"before: {', '.join(before.split()) or 'nothing'}", f"now: {', '.join(told.split()) or 'nothing'}"],
        )
    note.write_text(told, encoding="utf-8")


def _trained(
    data: Path, run: Path, starts: tuple[Path, ...], datasets: cache.Datasets, settings: TrainingOptions, validate: int
) -> bool:
    """Train. Returns whether training reached its end."""
    import torch

    from cutouts.training.export import restore
    from cutouts.training.loop import loop
    from cutouts.training.loop.validation import validation
    from cutouts.training.network.saliency import from_imagenet

    torch.manual_seed(settings.seed)
    stop = threading.Event()
    with stopped_by_signals(stop):
        scored = validation(data, validate, settings.phases[-1].size, settings.device)
        network = restore.from_exports(starts, datasets) if starts else from_imagenet(data / WEIGHTS)
        loop.train(run, network, datasets, scored, settings, stop)
    return not stop.is_set()


def _mend(run: Path, start: Path, datasets: cache.Datasets, settings: TrainingOptions, *, export_only: bool) -> None:
    """Train a second look behind the network of `start`, and write both as one network."""
    import torch

    from cutouts.training.second_look import export, loop

    torch.manual_seed(settings.seed)
    stop = threading.Event()
    if not export_only:
        with stopped_by_signals(stop):
            loop.train(run, start, datasets, settings, stop)
    if stop.is_set():
        say("stopped and saved: the same command continues from here; --export-only writes the networks trained so far")
        return
    export.graft(start, loop.trained(run), run / "network.onnx")
    say(f"written: {run / 'network.onnx'}")


@contextmanager
def stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Inside the block, Ctrl-C and SIGTERM set `stop`; afterwards they do what they did before."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def write(run: Path, starts: tuple[Path, ...], datasets: cache.Datasets, size: int) -> None:
    """Write the ONNX files to `run`: of its last checkpoint or, if there are `starts`, of their mean."""
    from cutouts.training.export import graph, half_weights, restore
    from cutouts.training.loop import curve

    network = restore.from_exports(starts, datasets).eval() if starts else graph.trained(run)
    target, twin = run / "network.onnx", run / "network-int8.onnx"
    graph.export(network, target, size)
    graph.quantise(target, twin, datasets, size)
    half_weights.halve(target)
    drawn = () if starts else (curve.draw(run),)
    say(f"written: {', '.join(map(str, (target, twin, *drawn)))}")
