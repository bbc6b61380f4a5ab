"""The catalogue's schema as it grew: one module per revision in `versions/`, never changed once released.

A new one is written by hand, named `rNNNN_what.py`, and says by `down_revision` what it follows; a test holds the
sum of them against `tables.py`.
"""
