"""How the catalogue behaves, on SQLite and on PostgreSQL."""
