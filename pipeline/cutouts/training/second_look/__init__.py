"""A small network behind a trained one, which sees the ground behind a product and mends whole parts."""
