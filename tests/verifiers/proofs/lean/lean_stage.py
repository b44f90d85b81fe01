"""Programs that stand in for Lean's, in a folder that a jailed prover may read."""

import contextlib
import json
import shutil
import stat
import tempfile
from pathlib import Path

import lean_cases

HERE = Path(__file__).parent


@contextlib.contextmanager
def folder():
    """A temporary folder that every user may read: without a jail, a prover of root runs as nobody."""
    path = Path(tempfile.mkdtemp(prefix="sparring-lean-"))
    try:
        path.chmod(0o755)
        yield path
    finally:
        shutil.rmtree(path)


def executable(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    return str(path)


def replayer(place, **script):
    """A REPL in ``place`` that follows ``script``; see ``lean_replayer``."""
    (place / "replay.json").write_text(json.dumps(script))
    (place / "replay.json").chmod(0o644)
    return executable(place / "repl", (HERE / "lean_replayer.py").read_text())


def recorded_theorems():
    """The theorems of the REPL's recordings, for ``replayer(theorems=...)``."""
    return [[key(claim), claim.proof, reply.decode()] for claim, reply in lean_cases.recorded_commands()]


def key(claim):
    """How the replayer finds a statement again: its binders and its proposition."""
    from sparring.verifiers.proofs import lean_text

    binders, proposition = lean_text.signature(claim.statement)
    return f"{binders.strip()}|{proposition}"


def tools(place):
    """A tool chain in ``place``: bin/lean and the three checkers; see ``lean_tools``."""
    folder = place / "bin"
    folder.mkdir()
    folder.chmod(0o755)
    text = (HERE / "lean_tools.py").read_text()
    return {name: executable(folder / name, text) for name in ("lean", "leanchecker", "safe_verify", "comparator")}
