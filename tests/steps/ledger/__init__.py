"""The ledger: joined, killed, damaged, of another version."""
