"""Trains the network that corrects edges in front of a plain background.

    make setup-train && . .venv-train/bin/activate
    python -m examples.edge_network data work --images 3000 --minutes 8

DATA is the folder of the training (docs/training.md). Into WORK, the command draws images and stores tiles along the
edges that the networks (`--network`) find in them. From these tiles, it trains the edge network, and writes
`WORK/edge_network.npz`. Copy it to `pipeline/cutouts/core/matting/`, raise `MATTE_METHOD`, and calibrate the gate
again. If WORK already has enough tiles, no more are drawn. Training takes one core. Compare the results of several
times on images that no training has seen: with more training the loss falls, but edges of new products may get worse.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from cutouts.training.data.cache import open_datasets
from cutouts.training.network.average import Average
from cutouts.training.second_look.loop import Base
from examples.edge_network.network import Edges, export, loss
from examples.edge_network.tiles import drawn

MODELS = Path("pipeline/cutouts/models")
IMAGES_OF_A_FILE = 50
FILES_AT_A_TIME = 6
"""Files whose tiles are in memory at a time; a pass takes `STEPS_OF_A_PASS` steps from them."""
STEPS_OF_A_PASS = 60
BATCH = 32
RATE = 4e-3


def main() -> None:
    """Draw what is missing, train, export."""
    asked = _arguments()
    asked.work.mkdir(parents=True, exist_ok=True)
    files = list(_files(asked))
    torch.manual_seed(asked.seed)
    export(_trained(files, asked), asked.work / "edge_network.npz")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("edge_network", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the training's data")
    parser.add_argument("work", type=Path, help="folder for what is made")
    parser.add_argument("--images", type=int, default=3000, help="images to draw (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=8, help="minutes to train (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of images and training (default: %(default)s)")
    parser.add_argument(
        "--network",
        type=Path,
        action="append",
        help="a network whose edges are corrected; may be repeated (default: default and default-licensed)",
    )
    asked = parser.parse_args()
    asked.network = asked.network or [MODELS / "default.onnx", MODELS / "default-licensed.onnx"]
    return asked


def _files(asked: argparse.Namespace) -> Iterator[Path]:
    """The files of tiles, `IMAGES_OF_A_FILE` images each; those that are missing are drawn."""
    images = None
    for number in range(math.ceil(asked.images / IMAGES_OF_A_FILE)):
        file = asked.work / f"tiles-{asked.seed}-{number:04d}.npy"
        if not file.exists():
            images = images or drawn(
                open_datasets(asked.data, asked.work / "cache"),
                [Base(one) for one in asked.network],
                asked.seed + number,
            )
            part = file.with_name(f".{file.name}")
            np.save(part, np.concatenate(list(islice(images, IMAGES_OF_A_FILE))))
            part.rename(file)
            print(f"drawn: {file}", flush=True)
        yield file


def _trained(files: list[Path], asked: argparse.Namespace) -> Edges:
    """The average of the weights after `--minutes` of training."""
    torch.set_num_threads(1)
    network, rng = Edges().to(memory_format=torch.channels_last), np.random.default_rng(asked.seed)
    average = Average(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-4)
    began, step, tiles = time.monotonic(), 0, np.empty(0)
    while (progress := (time.monotonic() - began) / (60 * asked.minutes)) < 1:
        if step % STEPS_OF_A_PASS == 0:
            tiles = np.concatenate([np.load(files[at]) for at in rng.integers(len(files), size=FILES_AT_A_TIME)])
        batch = torch.from_numpy(_turned(rng, tiles[rng.integers(len(tiles), size=BATCH)]).astype(np.float32))
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 100) * (0.51 + 0.5 * math.cos(math.pi * progress))
        value = loss(network, batch)
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        average.update(network, step)
        step += 1
        if step % 200 == 0:
            print(f"{progress:6.1%}  step {step}  loss {value.item():.4f}", flush=True)
    trained: Edges = average.network
    return trained


def _turned(rng: np.random.Generator, tiles: np.ndarray) -> np.ndarray:
    """The batch, mirrored or transposed."""
    if rng.random() < 0.5:
        tiles = tiles[..., ::-1]
    if rng.random() < 0.5:
        tiles = tiles[..., ::-1, :]
    return np.ascontiguousarray(tiles.swapaxes(2, 3) if rng.random() < 0.5 else tiles)


if __name__ == "__main__":
    main()
