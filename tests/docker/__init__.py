"""The image and the services, compared with the Makefile, the requirements and the code."""
