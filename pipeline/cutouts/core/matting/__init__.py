"""From a photograph to its cutout: the network's input, the matte, its refinement, and its measurements."""
