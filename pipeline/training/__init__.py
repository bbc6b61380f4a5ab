"""Training of the embedded default network; the only part of the project that imports PyTorch.

PyTorch lives in an environment of its own:

    python3 -m venv torch && torch/bin/pip install torch==2.13.0 numpy opencv-python-headless pyarrow \\
        matplotlib onnx onnxruntime==1.31.1
    torch/bin/python -m pipeline.training --data DATA --run RUN --minutes 100

The same command goes on where the last one stopped. `cache` decodes the data once, `sampler` says which images make up
step number n, `network` and `loss` are what is trained, `loop` trains, `export` writes ONNX and its int8 twin,
`compare` measures networks beside each other.
"""
