"""Reads manifests, which are Parquet files: opened within limits, and read row group by row group."""
