"""Training of the embedded default network (`cutouts train`). This is the only part of the project that imports
PyTorch.

`make setup-train` makes an environment with PyTorch. There `cutouts train --data DATA --minutes 600` trains and
exports; the same command continues where it stopped, and SIGTERM or Ctrl-C save first. `--minutes` is the training time
over all calls, and the learning rates are planned again at each call. On Linux, GLIBC_TUNABLES=glibc.malloc.mmap_max=0:
glibc.malloc.trim_threshold=8000000000 makes a step up to 1.4 times as fast, because large tensors are not mapped and
unmapped each time; on a shared machine OMP_WAIT_POLICY=PASSIVE keeps waiting threads from spinning.

`data` decodes the tables once and defines the folds that may be left out; `drawing` makes scenes, products and
composites; `batches` chooses the images of a step and draws them ahead; `network` has the network and its loss;
`export` writes ONNX files and reads them back; `loop` trains. `second_look` trains and exports a small network behind a
trained one.
"""
