"""A small network behind a trained one. It sees the ground behind a product, and corrects whole parts of its
saliency."""
