"""Where photographs are, and from where they may be read."""
