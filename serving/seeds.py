"""Seeds of samples: which replica draws a sample, and next to what, changes nothing about it."""

from __future__ import annotations

import hashlib

# vLLM's CPU generator takes 64 bits; two are left free for ``seed + index``.
SEED_BITS = 62


def derive_seed(*parts: str | int) -> int:
    """A seed from what names the sample: the run's seed, task, role, number of the call."""
    name = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> (64 - SEED_BITS)


def resumed_seed(seed: int, num_tokens: int) -> int:
    """The seed that a sample goes on with after ``num_tokens``, in an engine with newer weights."""
    return derive_seed(seed, "resumed", num_tokens)
