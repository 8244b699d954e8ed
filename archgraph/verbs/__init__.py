"""What archgraph does: the verbs of `import archgraph`, each of which loads the rooms it needs when it is called.

networks       load, check, and what every verb takes for a network
importing      from_torch
inspection     summarize, render, code, diff
modules        to_torch, load_weights, trained_weights
weight_files   convert_weights
onnx_files     to_onnx
int8_files     to_int8, verify_int8
training       train
measurement    bench, profile
plugins        use_plugin, try_plugin
"""
