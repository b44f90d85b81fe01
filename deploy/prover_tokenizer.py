"""The seed prover's tokenizer: one entry for each symbol of the small language and of its proofs, and the marks."""

from __future__ import annotations

import re

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from sparring.deploy.seed_tokenizer import BOS, CHAT_TEMPLATE, PAD, UNKNOWN
from sparring.recipes.fragment import EQUALITY, SYMBOLS, VARIABLES
from sparring.recipes.fragment_lemmas import LEMMAS
from sparring.recipes.stp_marks import EOS, MARKS

TACTICS = "ABCEHIJKOPQRWXYZ"
_SYMBOLS = sorted({*VARIABLES, *SYMBOLS, EQUALITY, *LEMMAS, *TACTICS, *"123456789"})
VOCABULARY = (PAD, BOS, EOS, UNKNOWN, *MARKS, *_SYMBOLS)


def make_tokenizer(max_tokens: int) -> PreTrainedTokenizerFast:
    """The tokenizer as Hugging Face knows it; ``max_tokens`` is the model's context length."""
    tokenizer = Tokenizer(
        models.WordLevel({token: number for number, token in enumerate(VOCABULARY)}, unk_token=UNKNOWN)
    )
    pieces = Regex("|".join([*map(re.escape, MARKS), "[^<]|<"]))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(pieces, behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNKNOWN,
        model_max_length=max_tokens,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
