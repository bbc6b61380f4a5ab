"""What can be done about an error of the operating system: by a person, or by another try."""

from __future__ import annotations

import errno

_ADVICE = {
    errno.ENOSPC: "free some space and run it again: finished work is kept",
    errno.EDQUOT: "free some space and run it again: finished work is kept",
    errno.EFBIG: "allow larger files and run it again: finished work is kept",
    errno.EROFS: "name a folder that can be written",
    errno.EACCES: "name another folder, or change its permissions",
    errno.EPERM: "name another folder, or change its permissions",
    errno.EMFILE: "allow more open files (ulimit -n) and run it again",
    errno.ENFILE: "close other programs and run it again",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.EIO: "check the disk, then run it again",
}

PASSING = frozenset(
    {errno.EAGAIN, errno.EBUSY, errno.EHOSTUNREACH, errno.EINTR, errno.ENETUNREACH, errno.EREMOTEIO, errno.ESTALE}
)
"""Errors that may not occur at another try. s3fs reports 500 as EREMOTEIO and 503 as EBUSY."""


def advice(error: OSError) -> str:
    """What a person can do about this error of the system."""
    return _ADVICE.get(error.errno or 0, "correct that and run it again")
