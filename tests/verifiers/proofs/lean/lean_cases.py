"""The Lean cases of these tests, one a file, and the recordings of a real Lean beside the repository."""

import json
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from sparring.core.claims import FormalProof

HERE = Path(__file__).parent
NONCE = "0123456789abcdef0123456789abcdef"
RECORDINGS = Path(os.environ.get("SPARRING_LEAN_TRANSCRIPTS", HERE.parents[4] / "shared" / "lean_transcripts"))
WITHOUT_RECORDINGS = f"no recordings of Lean at {RECORDINGS} (SPARRING_LEAN_TRANSCRIPTS)"


@dataclass(frozen=True)
class Recorded:
    """A theorem of the server's recordings as a claim, with what the server said of it."""

    name: str
    claim: FormalProof
    code: str  # the whole text that was sent
    proof_line: int  # of the proof's first line in it
    answer: bytes


def claim(proof: str, *, statement: str = "True", header: str = "", find_premises: bool = False) -> FormalProof:
    return FormalProof(backend="lean", header=header, statement=statement, proof=proof, find_premises=find_premises)


def cheats() -> dict[str, dict]:
    """Every cheat by the name of its file; NONCE stands for the check's own."""
    found = {}
    for path in sorted((HERE / "cheats").glob("*.toml")):
        cheat = tomllib.loads(path.read_text().replace("NONCE", NONCE))
        cheat["proof"] *= cheat.get("repeat", 1)
        found[path.stem] = cheat
    return found


def honest() -> dict[str, FormalProof]:
    """Every honest proof by the name of its file."""
    found = {}
    for path in sorted((HERE / "honest").glob("*.lean")):
        header, _, theorem = path.read_bytes().decode().partition("theorem honest : ")
        statement, _, proof = theorem.partition(" :=\n")
        found[path.stem] = claim(proof, statement=statement, header=header)
    return found


def exchanges(name: str) -> list[tuple[str, bytes]]:
    """The requests and replies of one recording of the REPL, both as they were written."""
    asked = (RECORDINGS / "repl" / f"{name}.in").read_text()
    answered = (RECORDINGS / "repl" / f"{name}.expected.out").read_bytes()
    # The REPL reads up to a blank line, so that a request may not contain one even in a string.
    requests, replies = _blocks(asked.encode()), _blocks(answered)
    return list(zip([request.decode() for request in requests], replies, strict=True))


def recorded_claims() -> list[Recorded]:
    """Every theorem that the server was asked about."""
    found = []
    for path in sorted((RECORDINGS / "kimina").glob("*.lean")):
        code = path.read_text()
        # A theorem's name, and all up to the last ":=" before a proof that these recordings have on lines of its own.
        match = re.search(r"^theorem \S+(?P<statement>.*?):=(?P<proof> by\n.*)", code, re.DOTALL | re.MULTILINE)
        assert match, path
        statement = re.sub(r"^\s*:", "", match["statement"]).strip()
        found.append(
            Recorded(
                name=path.stem,
                claim=claim(match["proof"], statement=statement, header=code[: match.start()]),
                code=code,
                proof_line=code.count("\n", 0, match.start("proof")) + 1,
                answer=path.with_suffix(".json").read_bytes(),
            )
        )
    return found


def recorded_commands() -> list[tuple[FormalProof, bytes]]:
    """Every theorem that stands alone in a request to the recorded REPL, with its reply."""
    found = []
    for path in sorted((RECORDINGS / "repl").glob("*.in")):
        for request, reply in exchanges(path.name.removesuffix(".in")):
            try:
                command = json.loads(request).get("cmd", "")
            except ValueError:  # a line break in a string, which is what that recording is about
                continue
            match = re.fullmatch(r"(?:theorem \w+|example) ?(.*?):= ?(.*)", command, re.DOTALL)
            if match:
                statement = re.sub(r"^\s*:", "", match[1]).strip()
                found.append((claim(match[2], statement=statement), reply))
    return found


def _blocks(data: bytes) -> list[bytes]:
    return [block for block in re.split(rb"\n[ \t]*\n", data) if block.strip()]
