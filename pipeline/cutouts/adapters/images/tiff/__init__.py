"""TIFF: all layouts are read by our own code; libtiff and others only unpack compressed bytes."""
