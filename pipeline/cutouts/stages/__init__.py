"""prepare → infer → finish: plain functions for one chunk, which do not know where they run.

A problem of one image becomes a `Rejection` in the result; every other error is raised.
"""

from cutouts.stages.chunk import cut_chunk, identify_chunk
from cutouts.stages.image import finish, infer, stored_png
from cutouts.stages.records import ChunkResult, Identity, Job, Prepared, job_of

__all__ = [
    "ChunkResult",
    "Identity",
    "Job",
    "Prepared",
    "cut_chunk",
    "finish",
    "identify_chunk",
    "infer",
    "job_of",
    "stored_png",
]
