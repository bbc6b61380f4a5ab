"""Commands that look after a site and its machine."""
