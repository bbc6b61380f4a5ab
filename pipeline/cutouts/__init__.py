"""Backgrounds off product photographs at catalogue scale. `DESIGN.md` beside this file is the map of the house."""

import os

# ONNX Runtime tells its makers of each session (machine, program, command line), unless this is set before it is
# imported: nothing of ours leaves the machine without being asked for.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
