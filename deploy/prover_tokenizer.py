"""The seed prover's tokenizer: one entry for each symbol of the small language and of its proofs, and the marks."""

from __future__ import annotations

import re

from transformers import PreTrainedTokenizerFast

from sparring.deploy.seed_tokenizer import BOS, PAD, UNKNOWN, splitting_tokenizer
from sparring.recipes.fragment import EQUALITY, SYMBOLS, VARIABLES
from sparring.recipes.fragment_lemmas import LEMMAS
from sparring.recipes.stp_marks import EOS, MARKS

TACTICS = "ABCEHIJKOPQRWXYZ"
_SYMBOLS = sorted({*VARIABLES, *SYMBOLS, EQUALITY, *LEMMAS, *TACTICS, *"123456789"})
VOCABULARY = (PAD, BOS, EOS, UNKNOWN, *MARKS, *_SYMBOLS)


def make_tokenizer(max_tokens: int) -> PreTrainedTokenizerFast:
    """The tokenizer as Hugging Face knows it; ``max_tokens`` is the model's context length."""
    pieces = "|".join([*map(re.escape, MARKS), "[^<]|<"])
    return splitting_tokenizer(VOCABULARY, pieces=pieces, eos=EOS, max_tokens=max_tokens)
