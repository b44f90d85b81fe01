"""Commits: a crash or a full disk at any point leaves the previous checkpoint or the new one, never half of one."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sparring.core.errors import UsageError
from sparring.learner import checkpoint
from sparring.learner.checkpoint import Commit, abandon, begin, finish, latest, repair_journal, verify


def record(step: int) -> Commit:
    return Commit(step=step, version=step, entries=(f"{step}-0",), trajectory_ids=(f"t{step}",), extra=b"\x00cursor")


def write(root: Path, step: int, *, keep: int = 2) -> Path:
    """A checkpoint of ``step`` with one file."""
    unfinished = begin(root / "checkpoints", step=step)
    (unfinished / "deepspeed").mkdir()
    (unfinished / "deepspeed" / "state.pt").write_bytes(bytes([step]) * 100)
    return finish(unfinished, record(step), keep=keep, journal=root / "journal.jsonl")


def journal_steps(root: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (root / "journal.jsonl").read_text().splitlines()]


def test_the_latest_commit_is_read_back_whole(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2)

    assert latest(tmp_path / "checkpoints") == record(2)
    directory = verify(tmp_path / "checkpoints", step=2)
    assert (directory / "deepspeed" / "state.pt").read_bytes() == b"\x02" * 100


def test_without_a_checkpoint_there_is_no_commit(tmp_path: Path) -> None:
    assert latest(tmp_path / "checkpoints") is None


def test_old_checkpoints_are_forgotten_and_journal_lines_are_not(tmp_path: Path) -> None:
    for step in (9, 10, 11, 12):
        write(tmp_path, step, keep=2)

    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-00000011", "step-00000012"]
    assert journal_steps(tmp_path) == [9, 10, 11, 12]


def test_a_checkpoint_that_was_being_written_is_ignored_and_removed(tmp_path: Path) -> None:
    write(tmp_path, 1)
    unfinished = begin(tmp_path / "checkpoints", step=2)
    (unfinished / "state.pt").write_bytes(b"torn")

    assert latest(tmp_path / "checkpoints") == record(1)
    assert not unfinished.exists()


@pytest.mark.parametrize("damage", ["torn record", "missing file", "short file"])
def test_a_damaged_checkpoint_is_named_and_nothing_is_removed(tmp_path: Path, damage: str) -> None:
    write(tmp_path, 1)
    broken = write(tmp_path, 2)
    match damage:
        case "torn record":
            (broken / "commit.json").write_bytes((broken / "commit.json").read_bytes()[:20])
        case "missing file":
            (broken / "deepspeed" / "state.pt").unlink()
        case _:
            (broken / "deepspeed" / "state.pt").write_bytes(b"\x02")
    before = everything(tmp_path)

    with pytest.raises(UsageError, match=r"file .*step-00000002/(commit.json|deepspeed/state.pt) .*move it out of"):
        latest(tmp_path / "checkpoints")

    assert everything(tmp_path) == before


def everything(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["commit.json", "state.pt"])
def test_a_file_that_can_not_be_read_now_costs_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What a network mount that went away answers."""
    for step in (1, 2):
        write(tmp_path, step)
    before = everything(tmp_path)

    def failing(method: str) -> None:
        real = getattr(Path, method)

        def flaky(self: Path, *arguments: object, **options: object) -> object:
            if self.name == name:
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            return real(self, *arguments, **options)

        monkeypatch.setattr(Path, method, flaky)

    failing("read_bytes" if name == "commit.json" else "stat")
    with pytest.raises(UsageError, match=rf"{name} can not be read: Stale file handle; nothing was changed"):
        latest(tmp_path / "checkpoints")

    monkeypatch.undo()
    assert everything(tmp_path) == before
    assert latest(tmp_path / "checkpoints") == record(2)


def test_a_checkpoint_put_aside_gives_way_to_the_one_before(tmp_path: Path) -> None:
    write(tmp_path, 1)
    broken = write(tmp_path, 2)
    broken.rename(broken.with_name("step-00000002.damaged"))

    assert latest(tmp_path / "checkpoints") == record(1)
    write(tmp_path, 2)
    write(tmp_path, 3)
    assert latest(tmp_path / "checkpoints") == record(3)
    assert (tmp_path / "checkpoints" / "step-00000002.damaged").exists()


def test_a_crash_while_an_old_checkpoint_is_removed_leaves_no_half_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 1)
    real, names = checkpoint.shutil.rmtree, list[str]()

    def dies(path: Path, **options: object) -> None:
        names.append(path.name)
        if path.exists() and path.name.endswith("step-00000001"):
            (path / "commit.json").unlink()
            raise KeyboardInterrupt
        real(path, ignore_errors=True)

    monkeypatch.setattr(checkpoint.shutil, "rmtree", dies)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, 2, keep=1)
    monkeypatch.undo()

    assert "step-00000001" not in names
    assert latest(tmp_path / "checkpoints") == record(2)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000002"]


def test_a_flipped_bit_is_found_before_anything_is_loaded(tmp_path: Path) -> None:
    broken = write(tmp_path, 2)
    (broken / "deepspeed" / "state.pt").write_bytes(b"\x02" * 99 + b"\x03")

    with pytest.raises(UsageError, match=r"state.pt hashes to .*move it out of .* to resume from the checkpoint"):
        verify(tmp_path / "checkpoints", step=2)
    assert broken.exists()


def test_a_full_disk_names_the_directory_and_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 1)

    def full(root: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, "sync_tree", full)
    with pytest.raises(
        UsageError, match=r"step 2 into .*checkpoints failed: No space left.*MiB free.*still the latest"
    ):
        write(tmp_path, 2)

    assert latest(tmp_path / "checkpoints") == record(1)
    assert journal_steps(tmp_path) == [1]


def test_a_write_that_the_kernel_refuses_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    """A real failed write: a process whose files may not grow past 64 KiB writes a record of 200 KiB."""
    write(tmp_path, 1)
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from sparring.core.errors import UsageError
        from sparring.learner.checkpoint import Commit, begin, finish
        root = Path(sys.argv[1])
        unfinished = begin(root / "checkpoints", step=2)
        ids = tuple("x" * 1000 for _ in range(200))
        try:
            finish(unfinished, Commit(step=2, version=2, entries=(), trajectory_ids=ids), keep=1,
                   journal=root / "journal.jsonl")
        except UsageError as error:
            sys.exit(str(error))
        """
    )

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], preexec_fn=limited, capture_output=True, text=True, timeout=60
    )

    assert "checkpoint of step 2" in done.stderr
    assert "File too large" in done.stderr
    assert latest(tmp_path / "checkpoints") == record(1)


def test_an_abandoned_checkpoint_gives_back_its_space(tmp_path: Path) -> None:
    unfinished = begin(tmp_path / "checkpoints", step=1)

    abandon(unfinished)

    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_the_same_step_again_replaces_its_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 1)

    assert latest(tmp_path / "checkpoints") == record(1)


@pytest.mark.parametrize("ending", ["missing", "torn"])
def test_the_journals_last_line_is_mended_from_the_commit(tmp_path: Path, ending: str) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2)
    journal = tmp_path / "journal.jsonl"
    whole = journal.read_bytes()
    first = whole.splitlines(keepends=True)[0]
    journal.write_bytes(first if ending == "missing" else first + b'{"step": 2, "ver')

    repair_journal(journal, record(2))

    assert journal.read_bytes() == whole


def test_a_whole_journal_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, 1)
    before = (tmp_path / "journal.jsonl").read_bytes()

    repair_journal(tmp_path / "journal.jsonl", record(1))

    assert (tmp_path / "journal.jsonl").read_bytes() == before


def test_lines_of_steps_that_no_checkpoint_holds_are_cut(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        write(tmp_path, step, keep=3)

    repair_journal(tmp_path / "journal.jsonl", record(2))

    assert journal_steps(tmp_path) == [1, 2]


def test_what_was_consumed_is_what_all_steps_up_to_the_commit_consumed(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        write(tmp_path, step)

    # Lines of lost steps and a torn one do not count, a missing last one does.
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"step": 3, "entr')
    assert checkpoint.consumed_entries(tmp_path / "journal.jsonl", record(3)) == ("1-0", "2-0", "3-0")
    assert checkpoint.consumed_entries(tmp_path / "journal.jsonl", record(5))[-2:] == ("4-0", "5-0")


def test_a_journal_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text("[]\n")

    with pytest.raises(UsageError, match=r"journal\.jsonl can not be read"):
        checkpoint.consumed_entries(tmp_path / "journal.jsonl", record(1))
