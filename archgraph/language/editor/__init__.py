"""The JSON Schema that editors read: keys from the models of the language, arguments from the contracts and blocks.

value_forms   what a value may be, found by trying values on the check that admits it
arguments     operations and blocks with what they take
nodes         nodes, by the names that a file may apply
meta          the keys of `meta`
spec_schema   all of it
"""
