"""Images drawn for the training: products, garments and shapes over scenes, as a camera gives them."""
