"""The machinery of the stages. It belongs to the template: `cruft update` replaces it, and you need not open it."""
