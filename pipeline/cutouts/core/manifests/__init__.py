"""The rows of manifests: brought to our types, checked, and cut into shards."""
