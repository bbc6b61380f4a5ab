"""The params that several DAGs have, so that a person finds the same fields with the same words."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

DAY: dict[str, Any] = {"type": ["null", "string"], "format": "date"}
_NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string"}}


def delivery_key(otherwise: str) -> dict[str, Param]:
    """One delivery by its key; `otherwise` says when the field stays empty."""
    pattern = r"^\d{4}-\d{2}-\d{2}/."
    words = f"YYYY-MM-DD/delivery_id. Leave it empty {otherwise}."
    return {
        "delivery": Param(None, type=["null", "string"], pattern=pattern, title="Delivery", description=words),
    }


def selection() -> dict[str, Param]:
    """Which deliveries, and which of their images."""
    return {
        "first": Param(None, **DAY, title="First day", description="YYYY-MM-DD."),
        "last": Param(None, **DAY, title="Last day", description="YYYY-MM-DD."),
        "suppliers": Param([], **_NAMES, title="Suppliers", description="Delivery ids; * and ? match any text."),
        "categories": Param([], **_NAMES, title="Categories"),
        "products": Param([], **_NAMES, title="Products", description="Product ids."),
    }


def budget() -> dict[str, Param]:
    """What may be done today, or whether anything is done at all."""
    return {
        "dry_run": Param(False, type="boolean", title="Dry run", description="Only log what there is to do."),
        "images": Param(None, type=["null", "integer"], minimum=1, title="Images for today"),
        "hours": Param(None, type=["null", "number"], exclusiveMinimum=0, title="Hours for today"),
    }
