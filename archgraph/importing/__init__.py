"""A torch module → a graph and the text of a spec: captured, translated, written, proved equal."""
