"""PNG: chunks and colours read by our own code, filters undone by Pillow; files are compressed by ISA-L."""
