"""`python -m pipeline.training`: train the embedded default network, or go on with a training."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

import click
import cv2
import torch

from pipeline.training import loop, schedule
from pipeline.training.cache import open_albums
from pipeline.training.curve import draw
from pipeline.training.network import from_imagenet
from pipeline.training.validate import validation

WEIGHTS = "weights/efficientnet-lite0-imagenet-fp16.npz"


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, open the data and train; the curve is drawn at the end."""
    options = _parser().parse_args(arguments)
    if options.run.joinpath("checkpoint.pt").exists() and not options.resume:
        raise SystemExit(f"{options.run} holds a training: go on with --resume, or name another --run")
    # One thread prepares images; more of OpenCV's own would only take the cores from the steps.
    cv2.setNumThreads(1)
    torch.manual_seed(options.seed)
    options.run.mkdir(parents=True, exist_ok=True)
    settings = loop.Settings(
        plan=schedule.Plan(images=options.images, seconds=options.minutes * 60.0),
        seed=options.seed,
        frozen=options.frozen,
        device=options.device,
        threads=options.threads,
        legs=options.legs,
    )
    albums = open_albums(options.data, options.cache or options.run.parent / "cache")
    scored = validation(options.data, options.validate, options.device)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    loop.train(options.run, from_imagenet(options.data / WEIGHTS), albums, scored, settings, stop)
    click.echo(f"curve: {draw(options.run)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipeline.training", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with duts/, fashion/, products/ …")
    parser.add_argument("--run", type=Path, required=True, help="folder of this training: checkpoint, log, curve")
    parser.add_argument("--cache", type=Path, help="folder for the decoded images (default: beside the run)")
    parser.add_argument("--minutes", type=float, default=600.0, help="training time over all resumes")
    parser.add_argument("--images", type=int, default=400_000, help="images to see, if time allows")
    parser.add_argument("--resume", action="store_true", help="go on where the last run stopped")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frozen", type=int, default=5, help="encoder blocks that keep their ImageNet weights")
    parser.add_argument(
        "--legs",
        type=schedule.parse_legs,
        default=schedule.LEGS,
        help="until:size:batch,… (larger batches on a GPU)",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of a step at most")
    parser.add_argument("--validate", type=int, default=200, help="photographs of the validation shard to score")
    return parser


if __name__ == "__main__":
    main()
