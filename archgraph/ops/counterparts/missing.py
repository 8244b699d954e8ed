# ruff: noqa: E501 - a table: one entry, one line
"""Operations of other libraries that have no counterpart here, and what to do where there is a way round."""

from __future__ import annotations

from archgraph.ops.counterparts import Counterpart, named

NONE_YET = "there is none yet"
_WITHOUT_A_WORD = """
    erfinv
    lerp logaddexp sinc sigmoid_like
    hypot xlogy snake
    fliplr flipud rot90 diag
    logspace isclose block_diag kron cartesian_prod combinations
    reduce_log_sum aminmax mode quantile gather_nd take index_put index_fill scatter_nd masked_select
    masked_scatter histc bincount unique_consecutive kthvalue conv_tbc separable_conv1d depthwise_conv1d
    global_lp_pool adaptive_avg_max_pool2d mean_variance_normalization
    roi_align roi_pool nms non_max_suppression deform_conv2d ps_roi_align
    center_crop_pad
    pdist cosine_embedding linalg.inv inverse det svd qr
    cholesky solve chain_matmul
    bit_shift
    fft rfft ifft irfft fft2 ifft2 rfft2 irfft2 stft istft dft mel_weight_matrix view_as_real view_as_complex complex polar angle real imag
    bidirectional time_distributed conv_lstm2d
    quantize_linear dequantize_linear dynamic_quantize_linear grouped_mm scaled_mm scaled_grouped_mm qlinear_conv
    adaptive_log_softmax_with_loss additive_attention ctc_greedy_decoder string_normalizer
    unravel_index repeat_vector space_to_batch batch_to_space
"""
_LOSSES = """
    bce_loss bce_with_logits_loss ctc_loss cosine_embedding_loss cross_entropy_loss gaussian_nll_loss hinge_embedding_loss
    huber_loss kl_div_loss l1_loss linear_cross_entropy_loss mse_loss margin_ranking_loss multi_label_margin_loss
    multi_label_soft_margin_loss multi_margin_loss nll_loss nll_loss2d poisson_nll_loss smooth_l1_loss soft_margin_loss
    triplet_margin_loss triplet_margin_with_distance_loss binary_cross_entropy binary_cross_entropy_with_logits
    cross_entropy kl_div linear_cross_entropy softmax_cross_entropy_loss negative_log_likelihood_loss
"""
_RANDOM = """
    rand randn randint rand_like randn_like randperm bernoulli multinomial normal gumbel_softmax random_normal
    random_uniform random_normal_like random_uniform_like gaussian_noise gaussian_dropout poisson exponential
"""
_LEFT_OUT = "contiguous clone copy cuda cpu requires_grad item numpy checkpoint activity_regularization"
_SIZES = "size shape numel ndim dim len get_shape"

ENTRIES: dict[str, Counterpart] = {
    **named(_WITHOUT_A_WORD, Counterpart(words=NONE_YET)),
    **named(
        "fractional_max_pool2d fractional_max_pool2d_with_indices fractional_max_pool3d fractional_max_pool3d_with_indices",
        Counterpart(words="it draws its areas at random: adaptive_max_pool2d and adaptive_max_pool3d take equal ones"),
    ),
    **named(_LOSSES, Counterpart(words="a network holds no loss: 'archgraph train' takes it from meta.task")),
    **named(_RANDOM, Counterpart(words="a network holds no random numbers: make them an input")),
    **named("cast_like type_as asarray", Counterpart(words="name the element type: {op: to, dtype: int64}")),
    **named(_LEFT_OUT, Counterpart(words="leave it out: it computes nothing")),
    **named(
        "weight_norm spectral_norm",
        Counterpart(words="it is an argument of the operation whose weight it is: {op: conv2d, weight_norm: true, …}"),
    ),
    **named("stop_gradient", Counterpart(words="name it detach")),
    **named(_SIZES, Counterpart(words="sizes are names in expressions: the H of [N, 3, H, W] is =H")),
    **named(
        "nonzero unique",
        Counterpart(words="sizes that depend on data cannot be proved: give the network a fixed number of places"),
    ),
    **named(
        "lambda custom_layer function apply",
        Counterpart(words="a spec holds no code: write the operations, or make them a block"),
    ),
    **named(
        "sequential container module",
        Counterpart(
            words="a group runs its nodes in turn: {nodes: {…}}; a part with a name is a block, under 'blocks:'"
        ),
    ),
    **named(
        "module_list parameter_list", Counterpart(words="copies of a node are {repeat: n}, or {for: {w: [64, 128]}}")
    ),
    **named("module_dict parameter_dict", Counterpart(words="named parts are a group: {nodes: {…}}")),
    **named(
        "data_parallel distributed_data_parallel",
        Counterpart(words="leave it out: how a network is run is no part of it"),
    ),
    **named(
        "transformer transformer_encoder transformer_decoder transformer_encoder_layer transformer_decoder_layer",
        Counterpart(words="it is a standard block, under its name in small letters: transformer_encoder_layer"),
    ),
    **named(
        "scan loop while_loop",
        Counterpart(words="a block over the slices of a sequence: {op: …, scan: {x: 1}, chain: [state]}"),
    ),
    **named("if cond", Counterpart(words="a node that is there under a condition has 'when:'")),
    **named("input input_layer placeholder", Counterpart(words="inputs stand under 'inputs:'")),
    **named("output return", Counterpart(words="outputs stand under 'outputs:'")),
    **named("activation", Counterpart(words="each is an operation of its own: relu, gelu, silu, tanh …")),
    **named(
        "assert_int_or_pair assert_ boolean_dispatch handle_torch_function has_torch_function has_torch_function_unary has_torch_function_variadic optional linear_cross_entropy_options rnn_base rnn_cell_base",
        Counterpart(words="this computes nothing"),
    ),
}
