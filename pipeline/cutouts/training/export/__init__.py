"""From the trained network to ONNX and back: float16 and int8 files, frozen parts, starts from an exported file."""
