"""A graph → a spec that reads as if written by hand: blocks with parameters, copies, groups, defaults left out."""
