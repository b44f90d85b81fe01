"""Cohorts that a learner has been delivered and not been given yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sparring.core.ports import Delivery
from sparring.core.types import Cohort


class Shelf:
    """Picks a step's cohorts: one of each key, oldest first; a key that repeats stays for the next take."""

    def __init__(self) -> None:
        self._waiting: list[Delivery[Cohort]] = []  # in order of insertion
        self._taken: dict[str, None] = {}  # entry ids in order, until committed

    def put(self, deliveries: Iterable[Delivery[Cohort]]) -> None:
        self._waiting.extend(deliveries)

    def take(self, count: int) -> list[Delivery[Cohort]]:
        """Exactly ``count`` cohorts of distinct keys, or []."""
        oldest: dict[str, Delivery[Cohort]] = {}
        for delivery in self._waiting:
            oldest.setdefault(delivery.value.key, delivery)
        if len(oldest) < count:
            return []
        chosen = list(oldest.values())[:count]
        ids = [delivery.entry_id for delivery in chosen]
        self._waiting = [delivery for delivery in self._waiting if delivery.entry_id not in ids]
        self._taken.update(dict.fromkeys(ids))
        return chosen

    def forget(self, entries: Sequence[str]) -> None:
        """These entries are committed."""
        gone = set(entries)
        self._waiting = [delivery for delivery in self._waiting if delivery.entry_id not in gone]
        self._taken = {entry: None for entry in self._taken if entry not in gone}

    @property
    def taken(self) -> Sequence[str]:
        """Entries given out and not committed."""
        return list(self._taken)
