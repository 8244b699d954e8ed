"""Files of weights: found, read without being run, renamed, matched with a network, written. torch is not imported."""
