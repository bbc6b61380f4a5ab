"""PNG: chunks and colours by our own reading, the filters undone by Pillow; files are written by ISA-L."""
