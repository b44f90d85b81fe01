"""Two checkers as they are found in the field. They pay for what does not deserve it: attacks are measured on them.

python rocq_naive.py [PART OF A NAME ...]      says what they make of each cheat
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
import rocq_cheat as cheats

LIMIT_S = 60  # on a crowded machine
MEMORY_BYTES = 2 << 30
MAGIC = "Closed under the global context"
FILE = "{header}\nTheorem goal : {statement}.\nProof.\n{proof}\nQed.\n"


def compiles(cheat: cheats.Cheat, *, after: str = "") -> tuple[bool, str]:
    """Whether ``coqc`` ends without an error on header, statement and proof put one after the other; its output."""
    lemma = cheat.lemma
    text = FILE.format(header=cheat.header, statement=lemma.statement, proof=lemma.proof) + after
    with tempfile.TemporaryDirectory(prefix="sparring-naive-") as folder:
        Path(folder, "claim.v").write_text(text, errors="surrogatepass")
        return _run(["coqc", "-q", "claim.v"], folder)


def pays(cheat: cheats.Cheat) -> bool:
    """No error, hence proved."""
    return compiles(cheat)[0]


def pays_with_audit(cheat: cheats.Cheat) -> bool:
    """No error, and the line that says that no axiom was used."""
    ended, output = compiles(cheat, after="Print Assumptions goal.\n")
    return ended and MAGIC in output


def _run(command: list[str], folder: str) -> tuple[bool, str]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        env={"PATH": os.environ["PATH"], "HOME": folder},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
    )
    try:
        output, _ = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return False, f"no end within {LIMIT_S} s\n{output}"
    return process.returncode == 0, output


def main(parts: list[str]) -> None:
    if shutil.which("coqc") is None:
        raise SystemExit("no coqc on PATH: install Debian's coq")
    for cheat in cheats.every():
        if parts and not any(part in cheat.name for part in parts):
            continue
        if cheat.naive == "ill":
            print(f"{cheat.name}: not asked")
            continue
        paid, output = compiles(cheat)
        audited = paid and pays_with_audit(cheat)
        print(f"{cheat.name}: naive {'paid' if paid else 'refused'} audit {'paid' if audited else 'refused'}")
        if not paid:
            print("    " + "\n    ".join(output.strip().split("\n")[-3:])[:300])


if __name__ == "__main__":
    main(sys.argv[1:])
