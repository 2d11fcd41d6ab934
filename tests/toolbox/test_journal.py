"""The journal of a sweep, damaged in any way: what can be read is kept, and the damaged file too."""

import optuna
import pytest
from example.core.errors import UserError
from example.toolbox.sweep.journal import open_journal
from hypothesis import given, settings
from hypothesis import strategies as st

TRIALS = 5


def write_journal(path, count=TRIALS):
    """A journal of trials with the scores 0, 1, 2, ..."""
    path.parent.mkdir(parents=True, exist_ok=True)
    study, memory = open_journal(path, "study"), optuna.create_study()
    for number in range(count):
        trial = memory.ask()
        trial.suggest_int("depth", 1, 9)
        trial.suggest_categorical("kind", range(3))
        study.add_trial(memory.tell(trial, float(number)))
    return path.read_bytes().splitlines()


def scores(path):
    return [trial.value for trial in open_journal(path, "study").get_trials()]


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    return write_journal(tmp_path_factory.mktemp("journal") / "journal.log")


GARBAGE = st.sampled_from(
    [
        *(b"<<<<<<< HEAD", b"=======", b">>>>>>> theirs", b"[1, 2]", b"null", b"3", b'{"op_code": 4}', b"{}"),
        *(
            b"\xff\xfe\x00",
            b"\0" * 100,
            b'{"op_code": 99}',
            b"[" * 5000,
            b'{"op_code":4,"study_id":0,"params":{"a":1}}',
        ),
    ]
)


@given(st.sets(st.integers(0, TRIALS), max_size=3), st.lists(st.tuples(st.integers(0, TRIALS), GARBAGE), max_size=4))
@settings(deadline=None, max_examples=60)
def test_every_line_that_can_be_read_is_kept(tmp_path_factory, lines, lost, inserted):
    """Line 0 begins the study; the line of the trial with the score n is n + 1."""
    content = [line for number, line in enumerate(lines) if number not in lost]
    for place, garbage in inserted:
        content.insert(place, garbage)
    path = tmp_path_factory.mktemp("damaged") / "journal.log"
    path.write_bytes(b"".join(line + b"\n" for line in content))
    damaged = path.read_bytes()
    expected = [float(number) for number in range(TRIALS) if number + 1 not in lost]
    assert scores(path) == expected
    assert scores(path) == expected  # and again
    if 0 in lost or inserted:
        assert (path.parent / "journal-damaged-1.log").read_bytes() == damaged
    else:
        assert path.read_bytes() == damaged


@given(st.integers(1, 400))
@settings(deadline=None, max_examples=30)
def test_a_line_that_was_cut_off_is_one_trial_less(tmp_path_factory, lines, cut):
    content = b"".join(line + b"\n" for line in lines)
    path = tmp_path_factory.mktemp("cut") / "journal.log"
    path.write_bytes(content[:-cut])
    assert scores(path) == [float(number) for number in range(TRIALS - 1)]


def test_a_folder_and_the_journal_of_another_study_are_refused(tmp_path, lines):
    (tmp_path / "journal.log").mkdir()
    with pytest.raises(UserError, match="is a folder; move it away"):
        open_journal(tmp_path / "journal.log", "study")
    path = tmp_path / "other.log"
    path.write_bytes(lines[0] + b"\n" + lines[1] + b"\n")
    with pytest.raises(UserError, match="is the journal of the study study; move it away"):
        open_journal(path, "another")
    assert path.read_bytes() == lines[0] + b"\n" + lines[1] + b"\n"


def test_results_without_a_journal_are_kept_beside_the_new_ones(tmp_path):
    (tmp_path / "trials.csv").write_text("trial\n1\n")
    write_journal(tmp_path / "journal.log")
    assert (tmp_path / "trials-damaged-1.csv").read_text() == "trial\n1\n"


def test_a_link_to_a_cache_is_not_written_through(tmp_path, lines):
    cache = tmp_path / "cache"
    cache.write_bytes(b"".join(line + b"\n" for line in lines))
    (tmp_path / "study").mkdir()
    (tmp_path / "study/journal.log").symlink_to(cache)
    study = open_journal(tmp_path / "study/journal.log", "study")
    study.add_trial(optuna.trial.create_trial(value=9.0))
    assert cache.read_bytes().count(b"\n") == TRIALS + 1


def test_a_line_that_a_merge_kept_from_both_sides_is_one_trial(tmp_path, lines):
    path = tmp_path / "journal.log"
    path.write_bytes(b"\n".join([b"<<<<<<< HEAD", *lines, b"=======", *lines, b">>>>>>> theirs", b""]))
    assert scores(path) == [float(number) for number in range(TRIALS)]
