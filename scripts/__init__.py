"""hcc-omics: steps of the workflow, one package per domain, one module per rule."""

__version__ = "0.1.0"
