"""What a check of the doctor answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from sparring.deploy.machine import Machine

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding; ``fix`` is empty where there is nothing to mend."""

    name: str
    status: Status
    seen: str
    wanted: str
    fix: str = ""


Judge = Callable[[Machine], Iterable[Check]]


def finding(name: str, status: Status, *, seen: str, wanted: str, fix: str = "") -> Check:
    """A check whose ``fix`` counts only where something is wrong."""
    return Check(name=name, status=status, seen=seen, wanted=wanted, fix="" if status == "ok" else fix)


def level(value: float, *, few: float, too_few: float) -> Status:
    """How bad it is to have ``value`` of something."""
    return "fail" if value < too_few else "warn" if value < few else "ok"
