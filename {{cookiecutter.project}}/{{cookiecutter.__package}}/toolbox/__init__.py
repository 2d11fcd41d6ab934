"""Commands on top of the pipeline: `python -m <package> COMMAND`. The stages never import them."""
