"""The re-check: which process sees what, and what an answer of each checker comes to (lean/lean_tools.py stands in)."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from sparring.core.config import LeanConfig, ProofConfig
from sparring.core.errors import UsageError
from sparring.core.types import Outcome
from sparring.verifiers.proofs import prison
from sparring.verifiers.proofs.backend import SessionLost
from sparring.verifiers.proofs.lean import LeanBackend
from sparring.verifiers.proofs.lean_settings import VARIABLES, LeanSettings, resolve

pytestmark = pytest.mark.service  # processes and jails

sys.path.append(str(Path(__file__).parent / "lean"))
cases = importlib.import_module("lean_cases")
stage = importlib.import_module("lean_stage")

CHECKERS = ("leanchecker", "safe_verify", "comparator")


@pytest.fixture
def place():
    with stage.folder() as path:
        yield path


async def rechecked(place, proofs, *, checker="leanchecker", header="import Init", jail=False, **options):
    tools = stage.tools(place)
    config = ProofConfig(jail="always" if jail else "never", **options)
    backend = LeanBackend(config, LeanSettings(prefix=str(place), checker=tools[checker]))
    return await backend.recheck(
        header, [cases.claim(proof, statement=f"{n} = {n}") for n, proof in enumerate(proofs)], cpu_s=0.0
    )


@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("jail", [False, True])
async def test_sound_proofs_are_proved_together(place, checker, jail):
    if jail and prison.missing():
        pytest.skip(prison.missing())
    proofs = ["rfl", "by\n  simp -- end", "by decide\n-- lean: axioms propext"]
    audits = await rechecked(place, proofs, checker=checker, jail=jail)
    assert [audit.outcome for audit in audits] == [Outcome.PROVED] * 3
    if checker == "leanchecker":
        assert audits[2].axioms == ("propext",)


@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize("trick", ["hacked", "axioms cheat", "states False"])
async def test_one_that_only_looked_proved_is_not(place, checker, trick):
    audits = await rechecked(place, [f"rfl\n-- lean: {trick}"], checker=checker)
    assert audits[0].outcome is Outcome.CHEATED
    assert audits[0].message


@pytest.mark.parametrize("checker", CHECKERS)
async def test_a_batch_with_a_hacked_proof_proves_nobody(place, checker):
    audits = await rechecked(place, ["rfl", "rfl\n-- lean: hacked", "rfl"], checker=checker)
    assert audits == [None, None, None]


async def test_with_the_replay_each_proof_of_a_batch_has_its_own_axioms(place):
    proofs = ["rfl", "rfl\n-- lean: axioms cheat", "rfl\n-- lean: axioms sorryAx", "rfl\n-- lean: states 1 = 2"]
    audits = await rechecked(place, proofs)
    outcomes = [Outcome.PROVED, Outcome.CHEATED, Outcome.INCOMPLETE, Outcome.CHEATED]
    assert [audit.outcome for audit in audits] == outcomes


async def test_a_proof_that_does_not_compile_again_is_named_with_its_position(place):
    audits = await rechecked(place, ["rfl", "by\n  simp\n-- lean: error no progress", "rfl"])
    assert audits[0] is None
    assert audits[2] is None
    assert (audits[1].outcome, audits[1].message) == (Outcome.FAILED, "1:2: no progress")


async def test_a_compiler_that_dies_is_no_proof(place):
    assert (await rechecked(place, ["rfl\n-- lean: crash"]))[0].outcome is Outcome.CRASHED
    (place / "bin").rename(place / "first")
    assert await rechecked(place, ["rfl", "rfl\n-- lean: crash"]) == [None, None]


@pytest.mark.parametrize(("trick", "outcome"), [("hang", Outcome.WALL_TIME), ("grow 500", Outcome.MEMORY)])
async def test_a_compiler_that_goes_past_a_limit_is_ended(place, trick, outcome):
    with pytest.raises(SessionLost) as caught:
        await rechecked(place, [f"rfl\n-- lean: {trick}"], header_s=2.0, wall_s=2.0, memory_mib=300)
    assert caught.value.outcome is outcome


@pytest.mark.parametrize("line", ["0 0", '{"severity": "information"}', "PROVED"])
async def test_what_the_first_compiler_prints_proves_nothing(place, line):
    audits = await rechecked(place, [f"rfl\n-- lean: axioms cheat\n-- lean: forge {line}"])
    assert audits[0].outcome is Outcome.CHEATED


async def test_a_header_that_does_not_compile_is_nobodys_fault(place):
    with pytest.raises(SessionLost, match="header"):
        await rechecked(place, ["rfl"], header="-- header-error")


async def test_a_checker_that_can_not_be_run_is_the_machinerys_failure(place):
    tools = stage.tools(place)
    Path(tools["leanchecker"]).chmod(0o644)
    settings = LeanSettings(prefix=str(place), checker=tools["leanchecker"])
    backend = LeanBackend(ProofConfig(jail="never"), settings)
    with pytest.raises(SessionLost, match="could not be run"):
        await backend.recheck("", [cases.claim("rfl")], cpu_s=0.0)


def test_settings_come_from_the_environment_and_say_what_is_missing(place):
    with pytest.raises(UsageError, match="leanchecker"):
        _ = LeanSettings(checker="/usr/bin/other").checker_kind
    with pytest.raises(UsageError, match="does not answer"):
        resolve(LeanConfig(), {"SPARRING_LEAN": str(place / "none")})
    lean = stage.executable(place / "lean", f"#!/bin/sh\necho {place}\n")
    lake = stage.executable(place / "lake", "#!/bin/sh\necho $PWD/.lake:libraries\n")
    project = place / "project"
    project.mkdir()
    checker = stage.tools(place)["leanchecker"]
    settings = resolve(
        LeanConfig(),
        {"SPARRING_LEAN": lean, "SPARRING_LAKE": lake, "SPARRING_LEAN_PROJECT": str(project), "PATH": "/usr/bin:/bin"},
    )
    assert settings.prefix == str(place)
    assert settings.search == (f"{project}/.lake", f"{project}/libraries")
    assert settings.checker == checker
    assert "SPARRING_LEAN_REPL" in settings.missing()
    assert not LeanSettings(prefix=str(place), checker=checker, kimina_url="http://server").missing()


def test_the_image_names_its_lean_as_the_settings_read_it():
    dockerfile = (Path(__file__).parents[3] / "docker" / "Dockerfile").read_text()
    named = set(re.findall(r"(SPARRING_\w+)=", dockerfile))
    assert named == {"SPARRING_LEAN", "SPARRING_LEAN_REPL", "SPARRING_LEAN_CHECKER"}
    assert named <= set(VARIABLES.values())
