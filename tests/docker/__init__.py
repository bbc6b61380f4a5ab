"""What the image and the services say, held against the Makefile, the requirements and the code."""
