"""dvclive as the stages use it."""

from pathlib import Path

from dvclive import Live
from scmrepo.exceptions import SCMError

from .errors import UserError


def open_live(folder: Path) -> Live:
    """Log metrics and plots in a folder; dvc.yaml lists the plots, and DVC keeps the experiment.

    Raises UserError if the Git repository has no commit yet: dvclive asks for the last one; or if the folder cannot be
    written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Live(str(folder), dvcyaml=None, save_dvc_exp=False)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}); is one of these folders a file?") from error
    except SCMError as error:
        raise UserError(f"Git: {error}; make a first commit: git add -A && git commit -m 'First commit'") from error
