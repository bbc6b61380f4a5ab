"""The site: where work runs and where data is stored. One frozen record, parsed once, with every problem listed at
once.

A site never changes the pixels; the recipe does (`cutouts.core.recipe`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Literal
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from cutouts.core.errors import ConfigError
from cutouts.core.home_folder import below_home
from cutouts.core.sources.locations import OBJECT_SCHEMES, Location, Reading, parse_prefixes
from cutouts.core.text.display import redacted
from cutouts.core.text.wrong_values import WrongValue, wrong_value

ENV_PREFIX = "CUTOUTS_"

LOCAL_CLUSTERS = ("serial", "local", "cuda")
"""Values of `cluster` that keep the work on this machine."""

_TOKEN_LENGTH = 16
"""The smallest length of a token."""

MOST_THREADS = 1024
"""The most threads of a worker or of a network. More are a mistake: a hundred thousand never start."""

Provider = Literal["cpu", "cuda", "tensorrt"]


class Site(BaseModel):
    """Each field is a key of `cutouts.toml` and, in capitals after `CUTOUTS_`, an environment variable."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    root: str = Field("cutouts-site", description="folder or URL that contains all stores that are not named below")
    objects: str | None = Field(None, description="folder or URL of the mattes and cutouts; by default ROOT/objects")
    tables: str | None = Field(None, description="folder or URL of plans, receipts, ledger; by default ROOT/tables")
    catalog: str | None = Field(None, repr=False, description="SQLAlchemy URL; by default ROOT/catalog.sqlite")
    manifests: str | None = Field(None, description="where manifests arrive; by default ROOT/manifests")
    cluster: str = Field("local", description="serial, local, cuda, tcp://HOST:PORT or tls://HOST:PORT")
    insecure_cluster: bool = Field(False, description="whether tcp:// (without TLS) may connect to other machines")
    tls_ca_file: str | None = Field(None, description="authority certificate of a tls:// scheduler")
    tls_cert: str | None = Field(None, description="our certificate for a tls:// scheduler")
    tls_key: str | None = Field(None, description="our key for a tls:// scheduler")
    workers: int = Field(0, ge=0, description="worker processes on this machine; 0: chosen by cores, GPUs and memory")
    threads: int = Field(
        0, ge=0, le=MOST_THREADS, description="threads per worker on this machine; 0: chosen by the number of cores"
    )
    provider: Provider = Field("cpu", description="cpu, cuda or tensorrt; an error if it is not available")
    batch: int = Field(0, ge=0, le=256, description="images per model call, at most `chunk`; 0: 1 on a CPU, 8 on a GPU")
    chunk: int = Field(32, ge=1, le=256, description="images that a worker processes at a time")
    model: str = Field("default", description="a name of the model table")
    models: str = Field("~/.cutouts/models", description="folder of networks that are not shipped, and of their table")
    mirror: str | None = Field(
        None, repr=False, description="base URL to pull networks from, instead of their own URLs"
    )
    allow_noncommercial: bool = Field(False, description="whether non-commercial weights may be used")
    mask_quality: str | None = Field(None, description="the expectation suite of the gate; by default the shipped one")
    promise: float | None = Field(
        None, gt=0, lt=1, description="largest share of bad ones among what is published, like 0.01; none by default"
    )
    renditions: tuple[str, ...] = Field(
        (), strict=False, description="names of the renditions that are made from every live image"
    )
    recipes: str | None = Field(None, description="TOML file with renditions of your own, beside the shipped ones")
    white_tolerance: int = Field(0, ge=0, le=254, description="levels below 255 that rules of channels accept as white")
    allowed_sources: tuple[str, ...] = Field(
        ("https://",),
        strict=False,
        description="prefixes of paths and URLs that photographs may be read from; https:// alone: every public host. "
        "Always allowed are the manifest's own folder, a folder named on the command line, and the buckets of "
        "the site's stores",
    )
    read_seconds: float = Field(120, gt=0, description="time to read one photograph from the network (s)")
    max_pixels: int = Field(100_000_000, ge=1, description="larger images are rejected (px)")
    max_bytes: int = Field(512_000_000, ge=1, description="larger files are rejected (B)")
    max_memory: int = Field(
        0, ge=0, description="memory for images in one process; 0: chosen by what the process has (B)"
    )
    image_seconds: int = Field(120, ge=1, description="images that take longer are rejected (s, on workers)")
    retry_rejected: bool = Field(False, description="try rejected images again although their bytes are the same")
    shard_images: int = Field(
        512, ge=1, description="maximum number of images in a shard, unless max_shards requires more"
    )
    shard_bytes: int = Field(2_000_000_000, ge=1, description="maximum size of a shard, with the same exception (B)")
    max_shards: int = Field(300, ge=1, description="maximum number of shards of a plan")
    history_days: int = Field(0, ge=0, description="days that `gc` keeps what is no longer live; 0: for ever (d)")
    grace_hours: float = Field(24, ge=0, description="`gc` removes nothing that is younger (h)")

    public_url: str | None = Field(None, description="web address under which `objects` can be read, for feeds")
    serve_host: str = Field("127.0.0.1", description="address that `cutouts serve` listens on")
    serve_port: int = Field(8484, ge=0, le=65535, description="port that `cutouts serve` listens on; 0: a free one")
    serve_token: str | None = Field(
        None,
        repr=False,
        description="what clients of `cutouts serve` send as a bearer token; required if other machines can reach it",
    )
    serve_queue: int = Field(64, ge=1, description="images that may wait for a worker of `cutouts serve`")
    serve_seconds: int = Field(30, ge=1, description="`cutouts serve` gives an image up after this time (s)")
    serve_bytes: int = Field(32_000_000, ge=1, description="the largest image that `cutouts serve` takes (B)")

    @field_validator("serve_token")
    @classmethod
    def _long_token(cls, value: str | None) -> str | None:
        """A token is sent in a header, and must not be guessed. The message does not show it."""
        if value is not None and (len(value) < _TOKEN_LENGTH or not value.isascii() or not value.isprintable()):
            raise ValueError(f"a token has at least {_TOKEN_LENGTH} printable ASCII characters")
        return value

    @field_validator("root", "objects", "tables", "manifests", "cluster")
    @classmethod
    def _without_credentials(cls, value: str | None) -> str | None:
        """URLs are written into records and shown in logs, so they may not contain secrets."""
        if value is not None and "://" in value and redacted(value) != value:
            raise ValueError(
                "the URL contains a password or a signature; put credentials where the storage client looks for them"
            )
        return value

    @field_validator("cluster")
    @classmethod
    def _known_cluster(cls, value: str) -> str:
        if value in LOCAL_CLUSTERS or value.startswith(("tcp://", "tls://")):
            return value
        raise ValueError("expected serial, local, cuda, tcp://HOST:PORT or tls://HOST:PORT")

    @model_validator(mode="after")
    def _encrypted_cluster(self) -> Site:
        """Whoever can reach a scheduler without TLS can run code on every worker, and on us through the results."""
        if self.cluster.startswith("tcp://") and not (self.insecure_cluster or _is_loopback(self.cluster)):
            raise ValueError(
                f"cluster: {self.cluster} is neither encrypted nor on this machine: use tls://HOST:PORT with "
                "tls_ca_file, tls_cert and tls_key, or set insecure_cluster = true if nobody else can reach "
                "that network"
            )
        return self

    @model_validator(mode="after")
    def _batch_within_chunk(self) -> Site:
        """A worker batches the images of one chunk, so a larger batch would never be filled."""
        if self.batch > self.chunk:
            raise ValueError(
                f"batch: {self.batch} is more than the images of a chunk: set chunk to at least {self.batch}"
            )
        return self

    @field_validator("allowed_sources", "renditions", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        """Accepts a list, as in `cutouts.toml`, or text from the environment: JSON, or items separated by commas."""
        if not isinstance(value, str):
            return value
        return (
            json.loads(value) if value.startswith("[") else [one for part in value.split(",") if (one := part.strip())]
        )

    @field_validator("*", mode="before")
    @classmethod
    def _below_home(cls, value: object) -> object:
        """In text, and in each text of a list, `~/` at the beginning is the user's home folder."""
        if isinstance(value, list | tuple):
            return [below_home(one) if isinstance(one, str) else one for one in value]
        return below_home(value) if isinstance(value, str) else value

    @field_validator("allowed_sources")
    @classmethod
    def _prefixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_prefixes(value)
        return value

    @property
    def objects_url(self) -> str:
        """Where mattes and cutouts are stored."""
        return self.objects or self._below("objects")

    @property
    def tables_url(self) -> str:
        """Where plans, receipts and the ledger are stored."""
        return self.tables or self._below("tables")

    @property
    def manifests_url(self) -> str:
        """Where manifests arrive."""
        return self.manifests or self._below("manifests")

    @property
    def catalog_url(self) -> str:
        """The catalogue's SQLAlchemy URL. If the root is a remote store, the catalogue needs its own setting."""
        if self.catalog is None and "://" in self.root:
            raise ConfigError("the site has no catalogue", [f"set `catalog`: SQLite cannot be stored on {self.root}"])
        return self.catalog or f"sqlite:///{quote(self._below('catalog.sqlite'), safe='/:')}"

    @property
    def batch_images(self) -> int:
        """Images per model call."""
        return self.batch or (1 if self.provider == "cpu" else 8)

    def allowing(self, *sources: str) -> Site:
        """This site with further `allowed_sources`, which a person named on the command line."""
        return self.model_copy(update={"allowed_sources": (*self.allowed_sources, *sources)})

    def reading(self, *also: str) -> Reading:
        """Where photographs may be read from: `allowed_sources`, this site's own buckets, and `also`."""
        allowed = parse_prefixes([*self.allowed_sources, *self._buckets(), *also])
        return Reading(allowed=allowed, max_bytes=self.max_bytes, seconds=self.read_seconds)

    def _buckets(self) -> Iterator[str]:
        for url in (self.objects_url, self.tables_url, self.manifests_url):
            if url.startswith(tuple(f"{scheme}://" for scheme in OBJECT_SCHEMES)):
                yield Location.parse(url).folder

    def _below(self, name: str) -> str:
        return f"{self.root.rstrip('/')}/{name}"


def parse_site(settings: Mapping[str, object], environment: Mapping[str, str]) -> Site:
    """The site that `cutouts.toml` and `CUTOUTS_*` describe; the environment wins.

    Raises ConfigError with one line per unknown key or wrong value.
    """
    from_environment = {
        (setting := name.removeprefix(ENV_PREFIX).lower()): _typed(setting, value)
        for name, value in environment.items()
        if name.startswith(ENV_PREFIX)
    }
    try:
        return Site.model_validate({**settings, **from_environment})
    except ValidationError as error:
        raise ConfigError(
            "the site's settings are wrong (cutouts.toml, CUTOUTS_* or an argument)",
            [_problem(item) for item in error.errors()],
        ) from None


def _is_loopback(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _typed(setting: str, text: str) -> object:
    """What the text of a variable means for its setting; the text itself if it is not of its type."""
    try:
        field = Site.model_fields[setting]
        return TypeAdapter[object](field.annotation or str).validate_strings(text)
    except (KeyError, ValidationError):
        return text


def _problem(error: WrongValue) -> str:
    message = wrong_value(error)
    if not error["loc"]:
        return message
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown setting; known are {', '.join(Site.model_fields)}"
    return f"{key}: {message}"
