"""Every dialect by the name an option uses."""

from __future__ import annotations

from typing import Literal

from sparring.recipes.compact import CompactDialect
from sparring.recipes.dialect import Dialect
from sparring.recipes.prose import ProseDialect


def make_dialect(name: Literal["prose", "compact"], *, banned_modules: tuple[str, ...]) -> Dialect:
    """The dialect called ``name``; ``banned_modules`` is what a prose prompt warns about."""
    match name:
        case "prose":
            return ProseDialect(banned_modules=banned_modules)
        case "compact":
            return CompactDialect()
