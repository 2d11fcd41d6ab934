"""The pipeline of dvc.yaml. This folder and stages/ are yours; core/ and toolbox/ belong to the template."""


def __getattr__(name: str) -> object:
    """`from <package> import Predictor`, loaded on use: a stage does not need what it imports."""
    if name != "Predictor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .core.predictor import Predictor

    return Predictor
