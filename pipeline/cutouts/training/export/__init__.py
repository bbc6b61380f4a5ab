"""Converts the trained network to ONNX and back: float16 and int8 files, frozen parts, and networks restored from
exports."""
