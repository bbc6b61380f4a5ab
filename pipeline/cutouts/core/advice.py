"""What a person can do about an error of the operating system."""

from __future__ import annotations

import errno

_ADVICE = {
    errno.ENOSPC: "make room and run it again: what is done is kept",
    errno.EDQUOT: "make room and run it again: what is done is kept",
    errno.EFBIG: "allow larger files and run it again: what is done is kept",
    errno.EROFS: "name a place that can be written",
    errno.EACCES: "name another place, or allow it",
    errno.EPERM: "name another place, or allow it",
    errno.EMFILE: "allow more open files (ulimit -n) and run it again",
    errno.ENFILE: "close other programs and run it again",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.EIO: "check the disk, then run it again",
}


def advice(error: OSError) -> str:
    """What a person can do about what the system says."""
    return _ADVICE.get(error.errno or 0, "correct that and run it again")
