"""The stages of dvc.yaml. Each reads its deps, writes its outs, and runs as `python -m <package>.stages.<name>`."""

from ..core.errors import install_excepthook

install_excepthook()
