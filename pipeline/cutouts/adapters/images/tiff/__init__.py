"""TIFF: its layout by our own reading, in all its freedom; only compressed bytes are unpacked by libtiff and others."""
