"""The training loop, its options, its log and its validation."""
