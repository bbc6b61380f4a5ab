"""Where photographs are, and where they may be read from."""
