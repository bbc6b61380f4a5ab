"""`cutouts render --all-stale`: the renditions of a site's live images."""

from __future__ import annotations

from contextlib import ExitStack

import click

from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.progress import Tally
from cutouts.core.config import Site
from cutouts.core.text.counting import counted
from cutouts.core.text.display import shown


def render_site(site: Site) -> None:
    """Render what is stale, say what became of it, and end with exit status 1 if something failed."""
    from cutouts.runner import open_runner
    from cutouts.stages.render_chunk import RenderResult
    from cutouts.steps.render import render_stale

    with ExitStack() as stack:
        tally: list[Tally] = []

        def start(images: int) -> None:
            tally.append(stack.enter_context(Tally("render", images, again="run it again for the rest")))

        def hear(result: RenderResult) -> None:
            tally[0].add("rendered", len({(entry.delivery_id, entry.image_id) for entry in result.entries}))

        runner = stack.enter_context(open_runner(site))
        done = render_stale(site, runner, on_start=start, on_chunk=hear)
    for failure in done.failures:
        where = f"{shown(failure.delivery_id)}, image {shown(failure.image_id)}"
        say(f"not rendered: {where}: {', '.join(failure.renditions)}: {failure.words}", colour="red", err=True)
    say(
        f"{counted(done.images, 'image')} with stale renditions: {counted(done.pictures, 'picture')} rendered, "
        f"{done.checked} checked again, {done.refused} of these break a rule and are not published, "
        f"{len(done.failures)} failed"
        + (f"; {counted(done.retired, 'picture')} of other renditions given up" if done.retired else "")
    )
    if done.failures:
        raise click.exceptions.Exit(Status.FAILED)
