"""The revisions of the catalogue's schema: one module for each in `versions/`, never changed after its release.

A new one is written by hand, named `rNNNN_what.py`, and names the revision before it in `down_revision`. A test
compares the result of all revisions with `sql_tables.py`.
"""
