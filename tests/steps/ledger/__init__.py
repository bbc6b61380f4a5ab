"""Tests of the ledger: joined, killed, damaged, and of another version."""
