"""One door per heavy library: storage, images, model, quality, catalog, settings. They do not know each other."""
