"""Training of the embedded default network: `cutouts train`; the only part of the project that imports PyTorch.

`make setup-train` makes an environment with PyTorch. There `cutouts train --data DATA --minutes 600` trains and
exports; the same command goes on where it stopped, and SIGTERM or Ctrl-C save first. `--minutes` is training time over
all calls: the learning rates are planned anew at each. On Linux, GLIBC_TUNABLES=glibc.malloc.mmap_max=0:
glibc.malloc.trim_threshold=8000000000 makes a step up to 1.4 times as fast, because large tensors are not mapped and
unmapped each time; on a shared machine OMP_WAIT_POLICY=PASSIVE keeps waiting threads from spinning.

`pages` reads the tables, `cache` decodes them once, `folds` says what may be left out; `sampler` says which images make
up step number n, and `feed` has them drawn ahead (`composite` lays products and drawn `garments` over `scenes`, `erase`
takes subjects out of photographs). `network` and `loss` are what is trained, `loop` trains, `export` writes ONNX and
its int8 twin, `half` stores weights in half precision, `restart` takes what was exported in training again. `second` is
a small network behind a trained one, which sees the `ground` of an image: `mending` trains it on drawn `mistakes` and
`shadows`, `graft` makes one graph of both.
"""
