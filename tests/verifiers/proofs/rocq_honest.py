"""Honest proofs: those in rocq_honest/ were written by hand, one style after the other; families are made here."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

FOLDER = Path(__file__).with_name("rocq_honest")
ARITH = "Require Import Arith Lia."
AND, OR = " /\\ ", " \\/ "
LISTS = "Require Import List Lia.\nImport ListNotations."


@dataclass(frozen=True, slots=True, kw_only=True)
class Honest:
    """A true statement and a right proof of it."""

    name: str
    header: str
    statement: str
    proof: str


def written() -> list[Honest]:
    """Those written by hand."""
    return [lemma for path in sorted(FOLDER.glob("*.toml")) for lemma in _read(path)]


def families(*, each: int = 12, seed: int = 1) -> list[Honest]:
    """``each`` of every family that can be made."""
    random = Random(seed)
    makers = (
        _sums,
        _inequalities,
        _squares,
        _applications,
        _conjunctions,
        _disjunctions,
        _reversals,
        _members,
        _tuples,
    )
    found = []
    for maker in makers:
        for number in range(each):
            header, statement, proof = maker(random, number)
            name = f"{maker.__name__.strip('_')}/{number}"
            found.append(Honest(name=name, header=header, statement=statement, proof=proof))
    return found


def _read(path: Path) -> Iterator[Honest]:
    table = tomllib.loads(path.read_text())
    for number, lemma in enumerate(table["lemma"]):
        header = lemma.get("header", table["header"])
        yield Honest(name=f"{path.stem}/{number}", header=header, statement=lemma["statement"], proof=lemma["proof"])


def _sums(random: Random, number: int) -> tuple[str, str, str]:
    terms = [random.randrange(1, 60) for _ in range(2 + number % 4)]
    how = ("reflexivity.", "vm_compute. reflexivity.", "trivial.", "exact eq_refl.", "now idtac.", "lia.")
    return ARITH, f"{' + '.join(map(str, terms))} = {sum(terms)}", random.choice(how)


def _inequalities(random: Random, number: int) -> tuple[str, str, str]:
    low, step = random.randrange(1, 30), random.randrange(1, 30)
    statement = f"forall a b c : nat, a + {low} <= b -> b + {step} <= c -> a + {random.randrange(low + step)} < c + 1"
    proofs = ("lia.", "intros a b c H1 H2. lia.", "intros *; intros; lia.", "Proof.\n  intros a b c Hab Hbc.\n  lia.")
    return ARITH, statement, proofs[number % len(proofs)]


def _squares(random: Random, number: int) -> tuple[str, str, str]:
    k, m = random.randrange(2, 9), random.randrange(2, 9)
    statement = f"forall x y : nat, ({k} * x + {m} * y) * (x + y) = {k} * x * x + {k + m} * x * y + {m} * y * y"
    return (
        ARITH,
        statement,
        ("intros. ring.", "intros x y; ring.", "intro x; intro y. ring_simplify. ring.")[number % 3],
    )


def _applications(random: Random, number: int) -> tuple[str, str, str]:
    depth = number + 1
    statement = f"forall f : nat -> nat, (forall n, f n = n) -> {'f (' * depth}{number}{')' * depth} = {number}"
    proofs = (
        "rewrite !H. reflexivity.",
        "now rewrite !H.",
        f"do {depth} rewrite H; trivial.",
        "repeat rewrite H; easy.",
    )
    return "", statement, f"intros f H. {random.choice(proofs)}"


def _conjunctions(random: Random, number: int) -> tuple[str, str, str]:
    names = [f"P{i}" for i in range(2 + number % 5)]
    turned = random.sample(names, len(names))
    statement = f"forall {' '.join(names)} : Prop, {AND.join(names)} -> {AND.join(turned)}"
    pattern = " & ".join(f"h{name}" for name in names)
    ends = "\n".join(f"{'-' if number % 2 else '+'} exact h{name}. (* {name}. *)" for name in turned)
    return "", statement, f"intros {' '.join(names)} ({pattern}).\nrepeat split.\n{ends}"


def _disjunctions(random: Random, number: int) -> tuple[str, str, str]:
    names = [f"P{i}" for i in range(2 + number % 4)]
    position = random.randrange(len(names))
    statement = f"forall {' '.join(names)} : Prop, {names[position]} -> {OR.join(names)}"
    steps = "right. " * position + "left. " * (position < len(names) - 1)
    return "", statement, f"intros {' '.join(names)} h.\n{steps}exact h."


def _reversals(random: Random, number: int) -> tuple[str, str, str]:
    items = [random.randrange(100) for _ in range(number)]
    statement = f"rev ({_list(items)} : list nat) = {_list(items[::-1])}"
    return LISTS, statement, random.choice(("reflexivity.", "cbn. reflexivity.", "simpl; trivial.", "now vm_compute."))


def _members(random: Random, number: int) -> tuple[str, str, str]:
    items = [random.randrange(100) for _ in range(1 + number)]
    position = random.randrange(len(items))
    proofs = ("cbn. intuition.", "simpl; auto 20.", f"{'right. ' * position}left. reflexivity.", "cbn; tauto.")
    return LISTS, f"In {items[position]} {_list(items)}", random.choice(proofs)


def _tuples(random: Random, number: int) -> tuple[str, str, str]:
    size = 2 + number % 6
    wanted = [random.randrange(50) for _ in range(size)]
    names = [f"x{i}" for i in range(size)]
    equations = AND.join(f"{name} = {value}" for name, value in zip(names, wanted, strict=True))
    given = ", ".join(map(str, wanted))
    return (
        "",
        f"exists {' '.join(names)} : nat, {equations}",
        f"exists {given}.\nrepeat split{'.' if number % 2 else '; reflexivity.'}",
    )


def _list(items: list[int]) -> str:
    return f"[{'; '.join(map(str, items))}]"
