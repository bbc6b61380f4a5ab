"""The scripts in examples/ are run as a user runs them."""
