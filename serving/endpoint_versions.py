"""Which versions the endpoint's own engines hold, and which of them answers a query.

announcements, steering ──► wanted ──► stage ──► a free slot ──► the default   (reconcile)
a query that names one  ───────────────────────► a free slot ──► that query    (slot_for)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from sparring.core.errors import DamagedVersion, SparringError
from sparring.core.ports import Announcement, VersionFeed
from sparring.serving.port import StagedWeights
from sparring.serving.queries import HostState, Refused, Route, Steering
from sparring.serving.retained import Retained, peek_manifest
from sparring.serving.shelf import Shelf, Slot

log = logging.getLogger(__name__)

FOLLOW_S = 10.0  # one long poll of the version feed
RETRY_S = 1.0  # pause after the feed failed
NAMED_S = 10.0  # a query that names a version waits so long for a slot


class Refusal(SparringError):
    """A query or a version that can not be served."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.answer = Refused(status=status, reason=reason)


class Versions:
    """The slots of one engine, kept filled.

    Args:     stage: a version directory, verified against a hash, in memory. load: bring it into a slot.
    """

    def __init__(
        self,
        *,
        policy: str,
        num_slots: int,
        kept: Path,
        stage: Callable[[Path, str | None], Awaitable[StagedWeights]],
        load: Callable[[int, StagedWeights], Awaitable[None]],
    ) -> None:
        self._policy, self._stage, self._load_into = policy, stage, load
        self._retained = Retained(kept)
        self._shelf = Shelf(num_slots)
        self._steering = Steering()
        self._newest: Announcement | None = None
        self._default: int | None = None
        self._default_route: Route = "newest"
        self._refused: dict[int, str] = {}  # damaged versions: why
        self._problem = ""
        self._num_swaps = 0
        self._loads: dict[int, asyncio.Task[Slot]] = {}
        self._changed = asyncio.Event()  # something else may be wanted
        self._freed = asyncio.Event()  # a slot may be free

    async def begin(self, feed: VersionFeed) -> None:
        """Load what is newest now, if it can be."""
        self._newest = await feed.latest(self._policy)
        await self._settle()

    def steer(self, steering: Steering) -> None:
        """Other versions may be wanted."""
        self._steering = steering
        self._changed.set()
        self._freed.set()  # a slot that was kept may be free

    def use(self, slot: Slot) -> None:
        """A query begins; at once after ``slot_for``."""
        self._shelf.use(slot)

    def release(self, slot: Slot) -> None:
        """A query has ended."""
        self._shelf.release(slot)
        self._freed.set()

    def close(self) -> None:
        for task in self._loads.values():
            task.cancel()

    async def state(self, *, incarnation: str, running: int) -> HostState:
        """What people and /v1/models look at."""
        newest = self._newest
        return HostState(
            incarnation=incarnation,
            serving=self._default,
            newest=newest.version.number if newest else None,
            retained=await asyncio.to_thread(self._retained.numbers, newest=newest),
            loaded=self._shelf.numbers,
            running=running,
            refused=len(self._refused),
            swaps=self._num_swaps,
            problem=self._problem,
        )

    async def slot_for(self, number: int | None) -> tuple[Slot, Route]:
        """The slot that answers a query, and why it.

        Raises:   Refusal: none does.
        """
        if number is None:
            slot = self._shelf.find(self._default)
            if slot is None:
                raise Refusal(503, self._problem or "no version of the policy has been published yet; ask again soon")
            return slot, self._default_route
        try:
            async with asyncio.timeout(NAMED_S):
                # Again if somebody else's version took the slot before this query could begin on it.
                while (slot := self._shelf.find(number)) is None:
                    await asyncio.shield(self._load(number))
        except TimeoutError:
            loaded = ", ".join(map(str, self._shelf.numbers))
            raise Refusal(
                503,
                f"no slot came free for version {number} in {NAMED_S:g} s (loaded: {loaded}); "
                "ask again, or raise endpoint.slots",
            ) from None
        return slot, "canary" if number == self._steering.canary else "named"

    async def follow(self, feed: VersionFeed) -> None:
        """Consumes announcements, waits for the next newer version, unblocked by a publish. Produces wishes to load."""
        while True:
            after = self._newest.version.number if self._newest else -1
            try:
                newer = await feed.wait(self._policy, after=after, timeout_s=FOLLOW_S)
            except SparringError as error:
                log.warning("version feed failed reason=%s retry_s=%g", error, RETRY_S)
                await asyncio.sleep(RETRY_S)
                continue
            if newer is not None:
                self._newest = newer
                self._changed.set()

    async def reconcile(self) -> None:
        """Consumes wishes, waits for a change, unblocked by a publish or a steering. Produces the default version."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._settle()

    async def _settle(self) -> None:
        wanted, canary = self._wanted(), self._steering.canary
        try:
            if canary is not None and canary not in self._refused and self._shelf.find(canary) is None:
                self._load(canary)  # not awaited: the default version must not wait for its slot
            if wanted is None or wanted in self._refused:
                return
            slot = self._shelf.find(wanted) or await self._bring(None)
        except Refusal as refusal:
            self._problem = refusal.answer.reason
            return
        # Only now: until here queries were answered by the version before.
        self._default_route = "rollback" if slot.number == self._steering.rollback else "newest"
        self._problem = ""
        if slot.number != self._default:
            self._default = slot.number
            self._num_swaps += 1
            self._freed.set()  # the slot of the version before may be free

    def _wanted(self) -> int | None:
        """The version that should answer by default."""
        if self._steering.rollback is not None:
            return self._steering.rollback
        return self._newest.version.number if self._newest else None

    def _kept(self) -> set[int]:
        return {number for number in (self._default, self._steering.canary) if number is not None}

    def _load(self, number: int) -> asyncio.Task[Slot]:
        """Bring a version that was named into a slot; asked twice, it is loaded once."""
        if number not in self._loads:
            if not self._shelf.has_room_by_name():
                raise Refusal(404, "no version can be asked by name here: endpoint.slots is 2; set 3 or more")
            task = asyncio.create_task(self._bring(number))
            task.add_done_callback(lambda task: self._forget_load(number, task))
            self._loads[number] = task
        return self._loads[number]

    def _forget_load(self, number: int, task: asyncio.Task[Slot]) -> None:
        del self._loads[number]
        if not task.cancelled() and (error := task.exception()) is not None:
            # Whoever waited has heard of it; this tells those who look here that all have given up.
            log.warning("load failed version=%d reason=%s", number, error)

    async def _bring(self, named: int | None) -> Slot:
        """The version ``named`` in a slot; None: the one wanted by default, as of when a slot has come free."""
        slot = await self._claim(is_named=named is not None)
        try:
            number = self._wanted() if named is None else named
            assert number is not None
            staged, sha256 = await self._staged(number)
        except BaseException:
            slot.is_loading = False
            self._freed.set()
            raise
        await self._load_into(slot.index, staged)
        self._shelf.fill(slot, number=number, sha256=sha256)
        return slot

    async def _claim(self, *, is_named: bool) -> Slot:
        while (slot := self._shelf.claim(kept=self._kept(), is_named=is_named)) is None:
            self._freed.clear()
            await self._freed.wait()
        return slot

    async def _staged(self, number: int) -> tuple[StagedWeights, str]:
        """A version's weights, verified, and their hash."""
        newest = self._newest
        directory = await asyncio.to_thread(self._retained.find, number, newest=newest)
        if directory is None:
            raise Refusal(404, f"version {number} is not retained")
        announced = newest.sha256 if newest is not None and newest.version.number == number else None
        manifest = peek_manifest(directory)
        sha256 = announced or (manifest.sha256 if manifest else "")
        try:
            staged = await self._stage(directory, sha256 or None)
        except DamagedVersion as error:
            if not directory.is_dir():  # forgotten by training meanwhile
                raise Refusal(404, f"version {number} is not retained any more") from error
            self._refused[number] = str(error)
            log.error("refused version=%d keeping=%s reason=%s", number, self._default, error)
            raise Refusal(503, f"version {number} is damaged and was refused: {error}") from error
        if staged.number != number:
            raise Refusal(503, f"{directory} holds version {staged.number}, expected {number}")
        return staged, sha256
