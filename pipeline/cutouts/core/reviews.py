"""What a person said about single images: a version of an image is good, or it must not be published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cutouts.core.records import RecipeDigests
from cutouts.core.text.display import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReview:
    """A person's word about one version of an image: this photograph, cut by this recipe. The newest word counts.

    If it is `good`, the image is published although the gate objects to it. If not, it is quarantined. `gate_id` is the
    decision that the person looked at.
    """

    delivery_id: str
    image_id: str
    sha256: str
    recipe: RecipeDigests
    good: bool
    gate_id: str
    by: str
    why: str
    at: datetime

    @property
    def version(self) -> tuple[str, str, RecipeDigests]:
        """What it is about: the image id, the content, and the recipe that cut it."""
        return self.image_id, self.sha256, self.recipe

    @property
    def words(self) -> str:
        """Who said what, and why."""
        return f"{'approved' if self.good else 'rejected'} by {shown(self.by)}: {shown(self.why)}"
