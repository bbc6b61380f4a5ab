"""The server, as a process of its own that clients speak to."""
