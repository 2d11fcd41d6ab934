"""The commands on top of the pipeline. They belong to the template: `cruft update` replaces them, and you need not open them."""
