"""The seed model's tokenizer: role tokens, frequent pieces of the corpus' programs, and every printable character.

A text is cut from the left, always at the longest entry that fits, so any printable ASCII text can be written and
comes back unchanged. Short sequences are what makes a model useful on a CPU: a statement is three or four tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from sparring.recipes.compact import EOS, ROLE_TOKENS

PAD, BOS, UNKNOWN = "<pad>", "<bos>", "<unk>"
SPECIAL_TOKENS = (PAD, BOS, EOS, UNKNOWN)
CHARACTERS = ("\n", *map(chr, range(32, 127)))
PIECES = (
    *("def f(x):", "\n    x = ", "\n    return ", "\n    if ", "\n    for i in range(", "): x = ", ": x = ", "\n    "),
    *("x[::-1]", "sorted(x)", "x[1:]", "x[:-1]", "x[:1]", "x[:", "x[0]", "x[-1]", "x.upper()"),
    *("[v + ", "[v * ", " for v in x]", "[v for v in x if v > ", "list(range(x))", "[x, "),
    *("x + ", " + x", "x - ", "x * ", "x // ", "x % ", " > ", " == 0", " in x", ", "),
    *("len(x)", "max(x)", "min(x)", "str(x)"),
    *map(str, range(10, 100)),  # a number is one token: to copy it is one step, and arithmetic a table
)
VOCABULARY = (*SPECIAL_TOKENS, *ROLE_TOKENS, *PIECES, *CHARACTERS)
# A conversation is its contents, one after the other: the dialect writes the role tokens.
CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def make_tokenizer(max_tokens: int) -> PreTrainedTokenizerFast:
    """The tokenizer as Hugging Face knows it; ``max_tokens`` is the model's context length."""
    longest_first = sorted(VOCABULARY[len(SPECIAL_TOKENS) :], key=len, reverse=True)
    pieces = "|".join(map(re.escape, longest_first))
    return splitting_tokenizer(VOCABULARY, pieces=pieces, eos=EOS, max_tokens=max_tokens)


def splitting_tokenizer(
    vocabulary: Sequence[str], *, pieces: str, eos: str, max_tokens: int
) -> PreTrainedTokenizerFast:
    """A tokenizer that cuts a text into matches of the regular expression ``pieces``, each an entry of its own."""
    entries = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(entries, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pieces), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=eos,
        unk_token=UNKNOWN,
        model_max_length=max_tokens,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
