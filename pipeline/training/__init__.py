"""Training of the embedded default network; the only part of the project that imports PyTorch.

PyTorch lives in an environment of its own:

    python3 -m venv torch && torch/bin/pip install torch==2.13.0 numpy opencv-python-headless pyarrow pillow \\
        click matplotlib onnx onnxruntime==1.31.1 pytest
    torch/bin/python -m pipeline.training --data DATA --run RUN --minutes 100
    torch/bin/python -m pipeline.training --data DATA --run RUN --minutes 100 --resume
    torch/bin/python -m pipeline.training.export --run RUN --data DATA --target default.onnx
    torch/bin/python -m pipeline.training.compare --data DATA --out OUT --network ours=default.onnx \\
        --as-rembg u2netp=u2netp.onnx
    torch/bin/python -m pytest --confcutdir=tests/training tests/training

With `--resume` the command goes on where the last one stopped; SIGTERM saves first. `--minutes` is training time over
all resumes and may differ at each: the learning rate is planned anew. On Linux, GLIBC_TUNABLES=glibc.malloc.mmap_max=0:
glibc.malloc.trim_threshold=8000000000 makes a step up to 1.4 times as fast, because large tensors are not mapped and
unmapped each time; on a shared machine OMP_WAIT_POLICY=PASSIVE keeps waiting threads from spinning.

`cache` decodes the data once, `sampler` says which images make up step number n, `network` and `loss` are what is
trained, `loop` trains, `export` writes ONNX and its int8 twin, `compare` measures networks beside each other on the
sets of `testsets`.
"""
