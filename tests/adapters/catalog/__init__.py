"""Tests of the catalogue, on SQLite and on PostgreSQL."""
