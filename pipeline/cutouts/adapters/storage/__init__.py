"""The door to stores: files, S3 and https through fsspec, tables through pyarrow. Files appear whole or not at all.

`store` writes files whole, `sources` reads photographs, `stored_tables` tables, `stored_records` records, and
`manifests` reads manifests.
"""
