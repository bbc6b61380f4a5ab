"""One door per heavy library: storage, images, model, weights, quality, catalog, settings; none imports another."""
