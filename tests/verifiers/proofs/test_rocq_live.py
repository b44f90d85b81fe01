"""The pool on real coqtops in their jails: outcomes, limits, deaths, and nothing left behind."""

import asyncio
import contextlib
import os
import signal
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sparring.core.claims import FormalProof
from sparring.core.config import ProofConfig
from sparring.core.types import Outcome
from sparring.verifiers.proofs import prison, rocq, rocq_tools
from sparring.verifiers.proofs.backend import SessionLost
from sparring.verifiers.proofs.backends import proof_pool
from sparring.verifiers.proofs.prison import Command
from sparring.verifiers.proofs.process import Process

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(bool(rocq_tools.missing()), reason=rocq_tools.missing()),
    pytest.mark.timeout(400),
]
CLASSIC = "Coq.Logic.Classical_Prop.classic"
FUNEXT = "Coq.Logic.FunctionalExtensionality.functional_extensionality_dep"
ARITHMETIC = "Require Import Arith Lia List."
PLUS_ZERO = "forall n : nat, n + 0 = n"
# Long, for machines that do ten things at once; what has to end by a limit sets its own.
PATIENT = {"sessions": 1, "wall_s": 120.0, "cpu_s": 60.0, "header_s": 240.0}


@asynccontextmanager
async def pool_of(**settings):
    pool = proof_pool(ProofConfig.model_validate({**PATIENT, **settings}))
    try:
        yield pool
    finally:
        pids = pool.pids()
        await pool.close()
        assert not [pid for pid in pids if alive(pid)], "provers outlive their pool"


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def proof(text, *, statement=PLUS_ZERO, header=ARITHMETIC, **more):
    return FormalProof(backend="rocq", header=header, statement=statement, proof=text, **more)


TREE = """Inductive tree := leaf | node (l r : tree).
Fixpoint mirror t := match t with leaf => leaf | node l r => node (mirror r) (mirror l) end.
Lemma mirror_leaf : mirror leaf = leaf. Proof. reflexivity. Qed."""
# claim, outcome, what the message says
CASES = {
    "tactic": (proof("intros n. lia."), Outcome.PROVED, ""),
    "term": (proof("exact (fun n => eq_sym (plus_n_O n))."), Outcome.PROVED, ""),
    "bullets": (
        proof("induction n as [|n IH].\n- reflexivity.\n- simpl. rewrite IH. reflexivity."),
        Outcome.PROVED,
        "",
    ),
    "abstract": (proof("intros n. abstract lia."), Outcome.PROVED, ""),
    "in Type": (proof("exists 1. auto.", statement="{n : nat | n > 0}"), Outcome.PROVED, ""),
    "polymorphic": (proof("auto.", statement="forall (A : Type) (x : A), x = x"), Outcome.PROVED, ""),
    "scopes": (proof("intros [n b]. left. exact n.", statement="nat * bool -> nat + bool"), Outcome.PROVED, ""),
    "not ASCII": (proof("intros ξ p. exact p.", statement="forall ξ : Prop, ξ -> ξ"), Outcome.PROVED, ""),
    "own types": (
        proof("induction t; simpl; congruence.", statement="forall t, mirror (mirror t) = t", header=TREE),
        Outcome.PROVED,
        "",
    ),
    "a comment": (proof("(* by arithmetic. *) intros n. (* Qed. *) lia."), Outcome.PROVED, ""),
    "no such lemma": (proof("intros n.\n rewrite nope."), Outcome.FAILED, "line 2, column 2"),
    "syntax": (proof("intros n n n ) . lia."), Outcome.FAILED, "Syntax error"),
    "wrong": (proof("intros n. reflexivity."), Outcome.FAILED, "Unable to unify"),
    "goals left": (proof("intros n."), Outcome.INCOMPLETE, "incomplete proof"),
    "nothing": (proof(""), Outcome.INCOMPLETE, "incomplete proof"),
    "admit": (proof("intros n. admit."), Outcome.INCOMPLETE, "given up"),
    "give_up": (proof("give_up."), Outcome.INCOMPLETE, "given up"),
    "too many steps": (proof("intros n. lia. lia."), Outcome.FAILED, "No such goal"),
    "an error in the middle": (proof("intros n. nope. lia."), Outcome.FAILED, "nope"),
    "bad statement": (proof("auto.", statement="forall n, n + true = n"), Outcome.FAILED, "the statement is refused"),
    "open statement": (proof("auto.", statement="n = n"), Outcome.FAILED, "the statement is refused"),
    "bad header": (proof("auto.", header="Require Import Nope."), Outcome.FAILED, "Nope"),
    "open header": (proof("auto.", header="Goal True."), Outcome.FAILED, "the header is refused"),
    "header with an open section": (
        proof("exact x.", statement="A", header="Section S. Variable A : Prop. Variable x : A."),
        Outcome.FAILED,
        "leaves the section or module S open; end it with: End S.",
    ),
    "header with an open module": (proof("exact I.", statement="True", header="Module M."), Outcome.FAILED, "M open"),
    "header with closed sections": (
        proof(
            "exact f.",
            statement="forall A, A -> A",
            header="Section S. Variable A : Type. Definition f := fun x : A => x. End S.",
        ),
        Outcome.PROVED,
        "",
    ),
    "unfinished header": (proof("auto.", header="Require Import Lia"), Outcome.FAILED, "the header is refused"),
    "axiom of the library": (
        proof("intros P. apply classic.", statement="forall P, P \\/ ~ P", header="Require Import Classical."),
        Outcome.CHEATED,
        "classic",
    ),
    "axiom of the header": (
        proof("exact magic.", statement="False", header="Axiom magic : False."),
        Outcome.CHEATED,
        "magic",
    ),
    "unsafe header": (
        proof("exact (f 0).", statement="False", header="Unset Guard Checking. Fixpoint f (n : nat) : False := f n."),
        Outcome.CHEATED,
        "f",
    ),
    "forged prompt": (proof('idtac "<prompt>Coq < 1 || 0 < </prompt>". lia.'), Outcome.CHEATED, "prompts"),
    "forged audit": (proof('idtac "Closed under the global context".'), Outcome.INCOMPLETE, ""),
    "a command": (proof("Admitted."), Outcome.CHEATED, "command"),
    "a megabyte": (proof("auto. " * 200_000), Outcome.FAILED, "characters"),
}


async def test_every_kind_of_claim_gets_its_verdict_and_the_pool_is_healthy_after():
    async with pool_of(sessions=2) as pool:
        verdicts = await asyncio.gather(*(pool.verify(asked) for asked, _, _ in CASES.values()))
        wrong = {
            name: verdict
            for (name, (_, outcome, said)), verdict in zip(CASES.items(), verdicts, strict=True)
            if verdict.outcome is not outcome or said not in verdict.message
        }
        assert wrong == {}
        assert all(verdict.passed is (verdict.outcome is Outcome.PROVED) for verdict in verdicts)
        assert (await pool.verify(proof("intros n. lia."))).passed
        assert pool.stats()["proofs/infrastructure"] == 0


async def test_the_fast_tier_agrees_where_an_audit_decides():
    async with pool_of(tier="fast", sessions=2) as pool:
        names = ["tactic", "bullets", "wrong", "admit", "axiom of the library", "axiom of the header", "unsafe header"]
        verdicts = await asyncio.gather(*(pool.verify(CASES[name][0]) for name in names))
        assert [verdict.outcome for verdict in verdicts] == [CASES[name][1] for name in names]


async def test_an_allowed_axiom_is_allowed_by_its_full_name():
    asked = CASES["axiom of the library"][0]
    for tier in ("fast", "sound"):
        async with pool_of(rocq_axioms=["Coq.Logic.Classical_Prop.classic"], tier=tier) as pool:
            assert (await pool.verify(asked)).outcome is Outcome.PROVED
        async with pool_of(rocq_axioms=["Coq.Logic.Other.classic_too", "assic"], tier=tier) as pool:
            assert (await pool.verify(asked)).outcome is Outcome.CHEATED


REALS = ("Coq.Reals.ClassicalDedekindReals.sig_forall_dec", FUNEXT)
SQRT = (*REALS, "Coq.Reals.ClassicalDedekindReals.sig_not_dec")
# What docs/proofs.md says to list: header, statement, proof, axioms.
LIBRARY = {
    "lra": (
        "Require Import Reals Lra. Open Scope R_scope.",
        "forall x y : R, x < y -> x < y + 1",
        "intros. lra.",
        REALS,
    ),
    "sqrt": (
        "Require Import Reals. Open Scope R_scope.",
        "forall x : R, 0 <= x -> sqrt (x * x) = x",
        "intros x H. apply sqrt_square, H.",
        SQRT,
    ),
    "functional extensionality": (
        "Require Import FunctionalExtensionality.",
        "forall f g : nat -> nat, (forall x, f x = g x) -> f = g",
        "intros f g H. extensionality x. apply H.",
        (FUNEXT,),
    ),
    "propositional extensionality": (
        "Require Import PropExtensionality.",
        "forall P Q : Prop, (P <-> Q) -> P = Q",
        "exact propositional_extensionality.",
        ("Coq.Logic.PropExtensionality.propositional_extensionality",),
    ),
    "decided propositions": (
        "Require Import ClassicalDescription.",
        "forall P : Prop, exists b : bool, if b then P else ~ P",
        "intros P. destruct (excluded_middle_informative P); [exists true | exists false]; assumption.",
        (CLASSIC, "Coq.Logic.Description.constructive_definite_description"),
    ),
    "dependent destruction": (
        "Require Import Program.",
        "forall (n : nat) (P : nat -> Type) (x y : P n), existT P n x = existT P n y -> x = y",
        "intros n P x y H. dependent destruction H. reflexivity.",
        ("Coq.Logic.Eqdep.Eq_rect_eq.eq_rect_eq",),
    ),
}


@pytest.mark.parametrize("name", LIBRARY)
async def test_proofs_on_axioms_of_the_library_need_those_the_documentation_names(name):
    header, statement, text, axioms = LIBRARY[name]
    asked = proof(text, statement=statement, header=header)
    async with pool_of(rocq_axioms=axioms) as pool:
        verdict = await pool.verify(asked)
        assert verdict.outcome is Outcome.PROVED, verdict.message
    async with pool_of(rocq_axioms=axioms[1:]) as pool:
        assert (await pool.verify(asked)).outcome is Outcome.CHEATED
    documented = (Path(__file__).parents[3] / "docs/proofs.md").read_text()
    assert [axiom for axiom in axioms if axiom not in documented] == []


@pytest.mark.parametrize("tier", ["fast", "sound"])
async def test_premises_are_the_lemmas_of_the_term_and_not_of_the_text(tier):
    async with pool_of(tier=tier) as pool:
        text = 'intros n. (* Nat.mul_comm *) idtac "Nat.mul_comm". rewrite Nat.add_comm. reflexivity.'
        verdict = await pool.verify(proof(text, find_premises=True))
        assert set(verdict.premises) == {"Coq.Arith.PeanoNat.Nat.add_comm", "Coq.Init.Logic.eq_ind_r"}
        hidden = await pool.verify(proof("intros n. abstract (rewrite Nat.add_comm; reflexivity).", find_premises=True))
        assert "Coq.Arith.PeanoNat.Nat.add_comm" in hidden.premises
        own = proof("exact mirror_leaf.", statement="mirror leaf = leaf", header=TREE, find_premises=True)
        assert (await pool.verify(own)).premises == ("mirror_leaf",)
        assert (await pool.verify(proof("intros n. lia."))).premises == ()


async def test_a_loop_is_ended_by_a_limit_and_its_neighbours_are_not():
    async with pool_of(sessions=2, cpu_s=2.0, wall_s=4.0) as pool:
        loop, honest = await asyncio.gather(
            pool.verify(proof("do 2000000000 idtac.", header="")), pool.verify(proof("auto.", header=""))
        )
        assert loop.outcome in (Outcome.CPU_TIME, Outcome.WALL_TIME)
        assert honest.outcome is Outcome.PROVED


async def test_a_memory_hog_is_ended():
    # A number in unary of some gigabytes.
    hog = "assert (H : 30000000 = 30000000) by (vm_compute; reflexivity). vm_compute in H. exact (fun n => eq_refl)."
    async with pool_of(memory_mib=400) as pool:
        verdict = await pool.verify(proof(hog, header="", statement="forall n : nat, n = n"))
        assert verdict.outcome in (Outcome.MEMORY, Outcome.CRASHED, Outcome.FAILED)
        assert not verdict.passed
        assert (await pool.verify(proof("auto.", header=""))).outcome is Outcome.PROVED


async def test_what_is_slow_only_in_the_checker_does_not_hold_up_its_neighbours(monkeypatch):
    """The virtual machine takes a second for what coqchk, which has none, takes a minute for."""
    monkeypatch.setattr(rocq, "CLEAN_CPU_S", 3.0)
    header = "Require Import NArith."
    slow = proof(
        "vm_compute. reflexivity.", statement="N.eqb (N.iter 10000000 N.succ 0%N) 10000000%N = true", header=header
    )
    async with pool_of(sessions=2) as pool:
        honest = [proof("reflexivity.", statement=f"{n} + 1 = 1 + {n}", header=header) for n in range(8)]
        started = time.monotonic()
        stalled, *verdicts = await asyncio.gather(*map(pool.verify, [slow, *honest]))
        assert stalled.outcome is Outcome.CPU_TIME, stalled
        assert "clean process" in stalled.message
        assert {verdict.outcome for verdict in verdicts} == {Outcome.PROVED}
        # Two bounds of some seven seconds each, on a machine with much else to do.
        assert time.monotonic() - started < 200
        assert pool.stats()["proofs/infrastructure"] == 0


async def test_output_without_end_is_cut_off():
    async with pool_of() as pool:
        verdict = await pool.verify(proof(f'do 100000000 idtac "{"x" * 200}".', header=""))
        assert verdict.outcome in (Outcome.OUTPUT, Outcome.CPU_TIME, Outcome.WALL_TIME)


async def test_a_killed_session_costs_no_verdict():
    async with pool_of() as pool:
        assert (await pool.verify(proof("auto.", header=""))).passed
        asked = asyncio.create_task(pool.verify(proof("do 3000000 idtac. auto.", header="")))
        await asyncio.sleep(0.1)
        for pid in pool.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert (await asked).outcome is Outcome.PROVED


async def test_what_a_proof_does_to_its_session_is_gone_afterwards():
    async with pool_of(tier="fast") as pool:
        assert (await pool.verify(proof("intros n. abstract lia."))).passed
        (slot,) = pool._slots.all()
        for text in ("intros n. pose (x := 1). nope.", "{ intros n. nope.", "1: {", "all: admit."):
            assert not (await pool.verify(proof(text))).passed
            assert (await pool.verify(proof("intros n. lia."))).passed
        assert pool.stats()["proofs/sessions"] == 1
        assert slot.uses == 9


@pytest.mark.skipif(bool(prison.missing()), reason=prison.missing())
async def test_a_jailed_prover_sees_no_network_no_home_and_can_write_only_its_own():
    script = (
        "cat /etc/passwd; ls /root /home /work; cat /proc/net/dev; touch /usr/x /x; echo ok >file; cat file; env; id -u"
    )
    process = Process(Command(argv=("/bin/sh", "-c", script)), jail=True, errors="merged")
    said = (await process.rest(at_most=1 << 16)).decode()
    await process.close()
    assert "ok\n" in said
    assert said.endswith("65534\n")
    assert said.count("No such file") == 5
    assert said.count("Read-only file system") == 2
    variables = {line.partition("=")[0] for line in said.splitlines() if "=" in line}
    assert variables <= {"PATH", "HOME", "LANG", "PWD"}


@pytest.mark.parametrize(
    "jail", [False, pytest.param(True, marks=pytest.mark.skipif(bool(prison.missing()), reason="no jail"))]
)
async def test_a_prover_that_floods_its_standard_error_is_drained_and_dies_with_its_children(jail):
    script = "head -c 3000000 /dev/zero >&2; sleep 1000 & sleep 1000 & echo up; cat"
    process = Process(Command(argv=("/bin/sh", "-c", script)), jail=jail)
    assert await process.ask(b"", b"up\n", at_most=100) == b"up\n"
    pids = process.pids()
    assert len(pids) >= 3
    assert process.usage().memory_mib > 0
    await process.close()
    async with asyncio.timeout(20):
        while any(map(alive, pids)):
            await asyncio.sleep(0.05)


async def test_a_prover_that_is_gone_says_its_last_words():
    process = Process(Command(argv=("/bin/sh", "-c", "echo sorry >&2; sleep 0.2; exit 3")), jail=False)
    with pytest.raises(SessionLost, match="sorry"):
        await process.ask(b"hello", b"never", at_most=100)
    await process.close()
