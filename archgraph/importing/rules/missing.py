"""What to do about operations of torch that have no counterpart, by their kind."""

from __future__ import annotations

_REMEDIES = {
    ("rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "normal", "normal_functional",
     "bernoulli", "multinomial", "exponential", "uniform", "rrelu_with_noise"):
        "random numbers are an input: draw them outside, and give the forward a parameter for them",
    ("nonzero", "masked_select", "unique", "unique_consecutive", "unique2", "_unique2", "unique_dim", "bincount",
     "nonzero_numpy", "histc", "nms"):
        "how large its result is depends on values: use a mask with torch.where, or topk of a fixed number",
    ("to_sparse", "sparse_coo_tensor", "to_dense", "_sparse_mm", "to_mkldnn"):
        "tensors are dense: leave out the conversion",
    ("_add_batch_dim", "_remove_batch_dim", "_make_dual"):
        "write what torch.func maps with a batch dimension",
    ("view_as_complex", "view_as_real", "complex", "polar", "real", "imag", "angle"):
        "there are no complex numbers: compute with a real and an imaginary part",
    ("linalg_inv", "linalg_inv_ex", "linalg_solve", "linalg_svd", "svd", "linalg_qr", "linalg_eigh", "linalg_cholesky",
     "cholesky", "inverse", "logdet", "slogdet", "linalg_slogdet", "matrix_exp", "linalg_matrix_exp", "det"):
        "files of ONNX have no such decomposition: compute it outside, and hand its result in",
}  # fmt: skip
_BY_NAME = {name: remedy for names, remedy in _REMEDIES.items() for name in names}
_FOURIER = (
    "a transform of a fixed length is two products with tables: y = x @ cos, x @ sin, registered as buffers; keep the "
    "real and the imaginary part as two tensors"
)


def remedy(name: str) -> str:
    """The way on for an operation without counterpart, '' where there is no general one."""
    return _FOURIER if name.startswith(("fft_", "stft", "istft", "_fft_")) else _BY_NAME.get(name, "")
