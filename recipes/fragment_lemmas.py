"""The lemmas of Rocq's library that proofs in the small language may use, each under one letter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sparring.recipes.fragment import Term, parse, variables

HEADER = "Require Import Arith List."


@dataclass(frozen=True, slots=True)
class Lemma:
    """One lemma: ``statement`` is in the language, its variables in the order of the lemma's own binders."""

    letter: str
    name: str  # as scripts write it
    full_name: str  # as a proof term has it
    statement: Term

    @property
    def is_equality(self) -> bool:
        """Whether proofs rewrite with it; others are applied."""
        return self.statement.symbol == "="

    @property
    def variables(self) -> list[str]:
        return variables(self.statement)


_NAT, _LIST, _PEANO = "Coq.Arith.PeanoNat", "Coq.Lists.List", "Coq.Init.Peano"
_TABLE = (
    ("a", "Nat.add_comm", _NAT, "=+xy+yx"),
    ("b", "Nat.add_assoc", _NAT, "=+x+yz++xyz"),
    ("c", "Nat.add_0_r", _NAT, "=+x0x"),
    ("d", "Nat.add_succ_r", _NAT, "=+xSyS+xy"),
    ("f", "Nat.mul_comm", _NAT, "=*xy*yx"),
    ("g", "Nat.mul_0_r", _NAT, "=*x00"),
    ("h", "Nat.mul_succ_r", _NAT, "=*xSy+*xyx"),
    ("i", "Nat.mul_add_distr_l", _NAT, "=*x+yz+*xy*xz"),
    ("j", "app_assoc", _LIST, "=@k@lm@@klm"),
    ("n", "app_nil_r", _LIST, "=@kek"),
    ("o", "rev_app_distr", _LIST, "=V@kl@VlVk"),
    ("t", "rev_involutive", _LIST, "=VVkk"),
    ("u", "app_length", _LIST, "=#@kl+#k#l"),
    ("v", "rev_length", _LIST, "=#Vk#k"),
    ("1", "Nat.le_refl", _NAT, "<xx"),
    ("2", "Nat.le_0_l", _NAT, "<0x"),
    ("3", "Nat.le_add_r", _NAT, "<x+xy"),
    ("4", "Nat.le_add_l", _NAT, "<x+yx"),
    ("5", "Nat.add_le_mono", _NAT, "><xy><zw<+xz+yw"),
    ("6", "le_n_S", _PEANO, "><xy<SxSy"),
    ("7", "Nat.le_le_succ_r", _NAT, "><xy<xSy"),
    ("8", "Nat.mul_le_mono", _NAT, "><xy><zw<*xz*yw"),
)
LEMMAS = {letter: Lemma(letter, name, f"{module}.{name}", parse(text)) for letter, name, module, text in _TABLE}
_BY_FULL_NAME = {lemma.full_name: lemma.letter for lemma in LEMMAS.values()}


def lemmas_among(premises: Iterable[str]) -> tuple[str, ...]:
    """Letters of the lemmas that a proof term's premises name, in order."""
    return tuple(sorted({_BY_FULL_NAME[name] for name in premises if name in _BY_FULL_NAME}))
