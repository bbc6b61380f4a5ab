"""The rows of manifests: converted to our types, checked, and split into shards."""
