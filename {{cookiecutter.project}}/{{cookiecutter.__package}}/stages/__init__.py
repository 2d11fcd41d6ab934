"""The stages of dvc.yaml. Each reads its deps, writes its outs, and runs as `python -m <package>.stages.<name>`."""

from ..errors import report_in_one_line

report_in_one_line()
