"""Text for people and files: what may be shown, names of files, sentences about what was done."""
