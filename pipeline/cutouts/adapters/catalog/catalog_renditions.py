"""The renditions of live images: which are stale, what was rendered, and what consumers read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime

import sqlalchemy as sa

from cutouts.adapters.catalog.engine import looking, telling, writing
from cutouts.adapters.catalog.sql_tables import cutouts, publications, published_renditions, renditions
from cutouts.core.publications import PublicationKind
from cutouts.core.renditions.records import LiveCutout, RenditionEntry

_KEY = ("delivery_id", "image_id", "rendition")
_VERSION = ("cutout", "sha256")
_FIELDS = tuple(RenditionEntry.__dataclass_fields__)


class CatalogRenditions:
    """The renditions in a catalogue's database. Each method is one transaction and raises the errors of `Catalog`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def stale(self, wanted: Mapping[str, str], *, delivery_id: str | None = None) -> tuple[LiveCutout, ...]:
        """The live images (of a delivery id, if given) without a picture of their present version for each rendition.

        `wanted` has the digest of each rendition by its name.
        """
        found: dict[tuple[str, str], LiveCutout] = {}
        with looking(self._engine) as connection:
            for name, digest in wanted.items():
                for row in connection.execute(_missing(name, digest, delivery_id)):
                    before = found.get((row.delivery_id, row.image_id))
                    names = (*before.renditions, name) if before else (name,)
                    found[row.delivery_id, row.image_id] = LiveCutout(
                        delivery_id=row.delivery_id,
                        image_id=row.image_id,
                        cutout=row.cutout,
                        sha256=row.sha256,
                        plan_id=row.plan_id,
                        renditions=names,
                    )
        return tuple(found[key] for key in sorted(found))

    def record(self, entries: Iterable[RenditionEntry], at: datetime) -> None:
        """Record pictures that were rendered, or checked again. They replace earlier ones of the same rendition."""
        rows = [asdict(one) | {"accepted": not one.violations, "rendered_at": at} for one in entries]
        with telling(self._engine), self._engine.connect() as connection, writing(connection, "renditions"):
            for row in rows:
                its = (renditions.c[name] == row[name] for name in _KEY)
                connection.execute(sa.delete(renditions).where(*its))
                connection.execute(sa.insert(renditions), row)

    def entries(self, *, delivery_id: str | None = None) -> tuple[RenditionEntry, ...]:
        """The pictures of live versions (of a delivery id, if given), whether they break a rule or not."""
        chosen = sa.select(*(renditions.c[name] for name in _FIELDS)).join(cutouts, _live())
        if delivery_id is not None:
            chosen = chosen.where(renditions.c.delivery_id == delivery_id)
        with looking(self._engine) as connection:
            rows = connection.execute(chosen.order_by(*(renditions.c[name] for name in _KEY))).mappings().all()
        return tuple(
            RenditionEntry(**(dict(row) | {name: tuple(row[name]) for name in ("notes", "violations")})) for row in rows
        )

    def published(self) -> tuple[dict[str, object], ...]:
        """The rows of the view `published_renditions`: pictures of live images that break no rule of their channel."""
        order = (published_renditions.c[name] for name in _KEY)
        with looking(self._engine) as connection:
            rows = connection.execute(sa.select(published_renditions).order_by(*order)).mappings().all()
        return tuple(dict(row) for row in rows)

    def plans(self, *, delivery_id: str | None = None) -> dict[tuple[str, date], list[str]]:
        """The plans that delivered images on the days of live ones (of a delivery id, if given), the newest first."""
        same = (
            cutouts.c.delivery_id == publications.c.delivery_id,
            cutouts.c.delivery_date == publications.c.delivery_date,
        )
        standing = publications.c.kind == str(PublicationKind.PUBLISH), publications.c.undone_by.is_(None)
        columns = (publications.c.delivery_id, publications.c.delivery_date, publications.c.plan_id)
        chosen = sa.select(*columns).where(*standing, sa.exists().where(*same).correlate(publications))
        if delivery_id is not None:
            chosen = chosen.where(publications.c.delivery_id == delivery_id)
        found = defaultdict[tuple[str, date], list[str]](list)
        with looking(self._engine) as connection:
            for row in connection.execute(chosen.order_by(publications.c.publication_id.desc())):
                if row.plan_id not in found[row.delivery_id, row.delivery_date]:
                    found[row.delivery_id, row.delivery_date].append(row.plan_id)
        return dict(found)

    def live_on(self, delivery_id: str, day: date) -> frozenset[str]:
        """The ids of the live images of a delivery id that were last delivered on that day."""
        its = cutouts.c.delivery_id == delivery_id, cutouts.c.delivery_date == day
        with looking(self._engine) as connection:
            return frozenset(connection.scalars(sa.select(cutouts.c.image_id).where(*its)))

    def give_up(self, entries: Iterable[RenditionEntry]) -> None:
        """Delete the rows of these pictures: they are not asked for any more."""
        with telling(self._engine), self._engine.connect() as connection, writing(connection, "renditions"):
            for one in entries:
                its = (renditions.c[name] == getattr(one, name) for name in _KEY)
                connection.execute(sa.delete(renditions).where(*its))

    def keep_only(self, names: Collection[str]) -> int:
        """Delete the rows of all other renditions, which the site does not make any more, and return their number."""
        with telling(self._engine), self._engine.connect() as connection, writing(connection, "renditions"):
            return connection.execute(sa.delete(renditions).where(renditions.c.rendition.not_in(names))).rowcount

    def drop(self, pictures: Collection[str]) -> None:
        """Delete the rows with these objects, so that they are rendered again."""
        with telling(self._engine), self._engine.connect() as connection, writing(connection, "renditions"):
            for name in pictures:
                connection.execute(sa.delete(renditions).where(renditions.c.picture == name))


def _live() -> sa.ColumnElement[bool]:
    """The condition under which a rendition shows the live version of its image."""
    same = ("delivery_id", "image_id", *_VERSION)
    return sa.and_(*(cutouts.c[name] == renditions.c[name] for name in same))


def _missing(name: str, digest: str, delivery_id: str | None) -> sa.Select[tuple[str, str, str, str, str]]:
    """The live images without a picture of the rendition `name` with this digest."""
    made = sa.and_(_live(), renditions.c.rendition == name, renditions.c.rendition_digest == digest)
    columns = (cutouts.c.delivery_id, cutouts.c.image_id, cutouts.c.cutout, cutouts.c.sha256, publications.c.plan_id)
    chosen = sa.select(*columns).join(publications, publications.c.publication_id == cutouts.c.publication_id)
    chosen = chosen.outerjoin(renditions, made).where(renditions.c.picture.is_(None))
    return chosen if delivery_id is None else chosen.where(cutouts.c.delivery_id == delivery_id)
