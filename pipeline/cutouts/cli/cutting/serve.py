"""`cutouts serve`: cuts single images over HTTP, as they come."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.terminal import say
from cutouts.cli.console.options import config_option, network_options
from cutouts.core.errors import ConfigError
from cutouts.core.text.counting import counted
from cutouts.core.text.files import text_of
from cutouts.recipes import known_renditions

if TYPE_CHECKING:
    from cutouts.server.serving import RunningServer

_LIBRARIES = ("fastapi", "uvicorn")
"""The libraries of the extra `serve`."""


@click.command()
@click.option("--host", "serve_host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", "serve_port", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: 8484]")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the token that clients send.  [default: serve_token, CUTOUTS_SERVE_TOKEN]",
)
@click.option("--workers", type=click.IntRange(1), help="Worker processes.  [default: the cores; 1 on a GPU]")
@click.option("--batch", type=click.IntRange(1, 256), help="Images per model call.  [default: 1; 8 on a GPU]")
@click.option("--queue", "serve_queue", type=click.IntRange(1), help="Images that may wait.  [default: 64]")
@click.option("--seconds", "serve_seconds", type=click.IntRange(1), help="Time for one image.  [default: 30]")
@network_options
@click.option("--recipes", type=click.Path(exists=True, dir_okay=False), help="A TOML file with your own renditions.")
@config_option
def serve(token_file: Path | None, config: str | None, **settings: object) -> None:
    """Cut single images over HTTP until Ctrl-C or SIGTERM; images in progress are finished.

    POST an image to /v1/cutout, /v1/matte, /v1/renditions/NAME or /v1/measurements: the bytes themselves, a form with
    the field `image`, or JSON with the "url" of an allowed source. Open the address in a browser to try it. Other
    machines can reach the server only if it has a token.

    \b
    cutouts serve
    curl -H 'Content-Type: image/jpeg' --data-binary @shoe.jpg http://127.0.0.1:8484/v1/cutout -o shoe.png
    cutouts serve --host 0.0.0.0 --token-file token
    """
    _require_extra()
    from cutouts.server.serving import serve as run

    if token_file is not None:
        settings["serve_token"] = _token(token_file)
    site = load_site(config, **settings)
    run(site, on_ready=_tell, renditions=known_renditions(site.recipes))
    say("stopped", err=True)


def _token(file: Path) -> str:
    try:
        return text_of(file.read_bytes()).strip()
    except ValueError as error:
        raise ConfigError("the token cannot be read", [f"{file}: {error}"]) from None


def _require_extra() -> None:
    """Raise ConfigError if the libraries of the extra are not installed."""
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise ConfigError("the server is not installed", [f"{', '.join(missing)}: pip install 'cutouts[serve]'"])


def _tell(place: RunningServer) -> None:
    workers = counted(place.workers, "worker")
    say(f"listening on {place.url} (model {place.model}, {workers}); Ctrl-C stops", err=True)
