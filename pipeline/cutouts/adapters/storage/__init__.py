"""The door to stores: files, S3 and https through fsspec, tables through pyarrow. Whole files appear, or nothing.

`store` writes files whole, `sources` reads photographs, `tables` keeps tables and records, `manifests` reads manifests.
"""
