"""Feeds: lists of pictures in the format that the importer of a sales channel reads."""
