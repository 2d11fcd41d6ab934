"""Commands of a generated project that several tests run."""

from conftest import BakedProject

# Options of `dvc exp run` that make it quick.
QUICK = ("-S", "train.train_sizes=[1.0]", "-S", "train.n_splits=2", "-S", "evaluate.importance.n_repeats=1")
# Runs several commands of the toolbox in one process, and prints the output of each, its one line for a mistake included.
MANY = """
import io, json, sys
from contextlib import redirect_stdout
from importlib import import_module
from penguins.core.errors import UserError
from penguins.toolbox.cli import COMMANDS, parser
printed = []
for words in json.loads(sys.argv[1]):
    arguments = parser().parse_args(words)
    with redirect_stdout(io.StringIO()) as output:
        try:
            import_module(f"penguins.toolbox.{COMMANDS[arguments.command]}").run(arguments)
        except UserError as error:
            print(f"error: {error}")
    printed.append(output.getvalue())
print(json.dumps(printed))
"""


def set_param(project: BakedProject, old: str, new: str) -> None:
    text = project.read("params.yaml")
    assert text.count(old) == 1
    (project.path / "params.yaml").write_text(text.replace(old, new), encoding="utf-8")
