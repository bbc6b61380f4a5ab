"""A site under test, worked on by the real command in processes of their own."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.store import Store
from cutouts.core.config import Site

COMMAND = Path(sys.executable).parent / "cutouts"
DAMAGES = (
    "deleted",
    "truncated",
    "one bit flipped",
    "extended",
    "partly overwritten with zeros",
    "renamed",
    "swapped with another",
)
"""What `damage` can do to a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteUnderTest:
    """The settings file of a site, and the folder of photographs that is run on it."""

    settings: Path
    photos: Path

    @property
    def site(self) -> Site:
        """The site as the settings describe it."""
        return load_site(str(self.settings))

    def run(self) -> int:
        """Run the folder on the site; gives the exit status."""
        return self.call("run", self.photos)

    def call(self, *arguments: object) -> int:
        """A command on the site, to its end; gives the exit status. Its stderr is shown if the test fails."""
        return subprocess.run(self._command(*arguments), stdout=subprocess.DEVNULL, check=False).returncode

    def run_and_kill(self, seconds: float) -> bool:
        """Run, and kill -9 the command and its workers after so many seconds; False if it had ended before."""
        with subprocess.Popen(
            self._command("run", self.photos),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return True
            return False

    def live(self) -> dict[str, bytes]:
        """The bytes of each live cutout, by image."""
        site = self.site
        objects = Store(site.objects_url)
        with Catalog.open(site.catalog_url) as catalog:
            rows = catalog.live().to_pylist()
        return {row["image_id"]: objects.read(row["cutout"]) for row in rows}

    def _command(self, *arguments: object) -> list[str]:
        return [str(COMMAND), *map(str, arguments), "--config", str(self.settings)]


def damage(store: Store, name: str, how: str, rng: random.Random) -> None:
    """Delete or rename a file, cut it off, let it grow, flip a bit or clear a block of it, or swap it with another file
    of its kind."""
    data = store.read(name)
    match how:
        case "deleted":
            store.remove(name)
        case "truncated":
            store.write(name, data[: rng.randrange(len(data))])
        case "one bit flipped":
            place = rng.randrange(len(data))
            store.write(name, data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :])
        case "extended":
            store.write(name, data + data[: rng.randrange(1, len(data))])
        case "partly overwritten with zeros":
            place, length = rng.randrange(len(data)), rng.choice([16, 512, 4096])
            store.write(name, data[:place] + bytes(len(data[place : place + length])) + data[place + length :])
        case "renamed":
            store.move(name, f"{name}.old")
        case "swapped with another":
            other = rng.choice([one for one in store.names("", "") if _kind(one) == _kind(name)])
            store.write(name, store.read(other))
            store.write(other, data)


def _kind(name: str) -> tuple[str, str]:
    """The folder of the store that a file is in, and its own name or, of names that are digests, its suffix."""
    first, last = name.partition("/")[0], name.rpartition("/")[2]
    stem, _, suffix = last.partition(".")
    return (first if len(first) > 2 else "", suffix if len(stem) > 16 else last)
