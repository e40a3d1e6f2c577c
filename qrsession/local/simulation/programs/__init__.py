"""The programs of a service: params in, a result as a tree for JSON out."""
