"""The door to stores: files, S3 and https through fsspec, tables through pyarrow. Files appear whole or not at all.

`store` writes files whole, `sources` reads photographs, `stored_tables` reads and writes tables and records, and
`manifests` reads manifests.
"""
