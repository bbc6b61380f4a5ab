"""Services that tests of several folders share, started once per session and only when asked for."""

from __future__ import annotations

from tests.browser import browser, open_page
from tests.dask_cluster import standing_scheduler
from tests.postgres import postgres_url
from tests.s3 import bucket, s3_server

__all__ = ["browser", "bucket", "open_page", "postgres_url", "s3_server", "standing_scheduler"]
