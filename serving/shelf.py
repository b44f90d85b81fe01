"""Which version is in which slot, and which slot may be given to another one.

free ──► loading ──► ready (users > 0: may not be emptied) ──► free again once nobody uses it and it is not kept
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import count

# Beside versions asked for by name, two slots are always left: one that answers by default, one for the next version.
UNNAMED = 2


@dataclass(slots=True, kw_only=True)
class Slot:
    """One decoder as its users see it."""

    index: int
    number: int | None = None  # the version it holds, once it holds one
    sha256: str = ""
    is_named: bool = False  # loaded because somebody asked for this version
    is_loading: bool = False
    users: int = 0  # queries that run on it
    used_at: int = 0  # order of use


class Shelf:
    """The slots of one engine."""

    def __init__(self, num_slots: int) -> None:
        self._slots = [Slot(index=index) for index in range(num_slots)]
        self._clock = count(1)

    def __getitem__(self, index: int) -> Slot:
        return self._slots[index]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Versions that can answer now."""
        return tuple(sorted(slot.number for slot in self._slots if slot.number is not None))

    def find(self, number: int | None) -> Slot | None:
        """The slot that holds a version."""
        found = [slot for slot in self._slots if slot.number == number and number is not None]
        return found[0] if found else None

    def has_room_by_name(self) -> bool:
        """Whether this many slots allow for versions asked for by name."""
        return len(self._slots) > UNNAMED

    def claim(self, *, kept: Collection[int], is_named: bool) -> Slot | None:
        """A slot to load into, empty and marked as loading; None while all are in use. Versions in ``kept`` stay."""
        free = [slot for slot in self._slots if not slot.users and not slot.is_loading and slot.number not in kept]
        if is_named:
            named = [slot for slot in self._slots if slot.is_named]
            if len(named) >= len(self._slots) - UNNAMED:
                free = [slot for slot in free if slot.is_named]
        if not free:
            return None
        slot = min(free, key=lambda slot: (slot.number is not None, slot.used_at))
        slot.number, slot.sha256, slot.is_named, slot.is_loading = None, "", is_named, True
        return slot

    def fill(self, slot: Slot, *, number: int, sha256: str) -> None:
        """The slot holds a version now."""
        slot.number, slot.sha256, slot.is_loading, slot.used_at = number, sha256, False, next(self._clock)

    def use(self, slot: Slot) -> None:
        """A query begins on the slot."""
        slot.users += 1
        slot.used_at = next(self._clock)

    def release(self, slot: Slot) -> None:
        """A query has ended."""
        slot.users -= 1
