"""Lean 4 behind the proof pool: sessions on REPLs of our own or on a Kimina server, and the re-check.

lean_rules ◄── lean_lexer          what may be sent            lean_repl, lean_kimina   warm, forgeable checks
lean_text                          what is sent                lean_recheck             clean processes
lean_replies, lean_axioms          what comes back             lean_settings            where Lean is
"""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from sparring.core.claims import FormalProof
from sparring.core.config import ProofConfig
from sparring.verifiers.proofs import lean_recheck, lean_text, prison
from sparring.verifiers.proofs.backend import Audit, Refusal, Session, SessionLost
from sparring.verifiers.proofs.bounded import Limits
from sparring.verifiers.proofs.lean_clean import Bench
from sparring.verifiers.proofs.lean_kimina import KiminaSession
from sparring.verifiers.proofs.lean_repl import open_repl
from sparring.verifiers.proofs.lean_settings import LeanSettings
from sparring.verifiers.proofs.prison import Command
from sparring.verifiers.proofs.process import Process


class LeanBackend:
    """REPLs of our own or a Kimina server for warm checks, and the tool chain's programs for the re-check.

    Raises:   UsageError: provers have to be jailed and can not be.
    """

    name = "lean"

    def __init__(self, config: ProofConfig, settings: LeanSettings) -> None:
        self._config, self._settings = config, settings
        self._jail = prison.wanted(config.jail)
        self._client: httpx.AsyncClient | None = None

    def missing(self) -> str:
        return self._settings.missing(recheck=self._config.tier == "sound")

    def header_key(self, header: str) -> str:
        return lean_text.header_key(header)

    def refusal(self, claim: FormalProof) -> Refusal | None:
        return lean_text.refusal(claim)

    async def open(self, header: str) -> Session:
        if self._settings.kimina_url:
            session = KiminaSession(self._connected(), header, timeout_s=self._settings.kimina_timeout_s)
            await session.probe()
            return session
        command = Command(
            argv=(self._settings.repl,),
            environment=self._settings.environment(),
            read_only=self._settings.places(),
            proc=True,
        )
        try:
            process = Process(command, jail=self._jail, affinity=self._config.affinity)
        except OSError as error:
            raise SessionLost(f"the REPL could not be started: {error}") from error
        try:
            return await open_repl(process, header)
        except BaseException:
            await process.close()
            raise

    async def recheck(self, header: str, claims: Sequence[FormalProof], *, cpu_s: float) -> Sequence[Audit | None]:
        del cpu_s  # how much longer replays take than sessions has never been measured here
        config, count = self._config, len(claims)
        limits = Limits(
            wall_s=config.header_s + count * config.wall_s,
            cpu_s=config.header_s + count * config.cpu_s,
            memory_mib=config.memory_mib,
        )
        bench = Bench(settings=self._settings, jail=self._jail, limits=limits, affinity=config.affinity)
        return await lean_recheck.recheck(bench, header, claims)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            key = self._settings.kimina_key
            self._client = httpx.AsyncClient(
                base_url=self._settings.kimina_url.rstrip("/"),
                headers={"Authorization": f"Bearer {key}"} if key else {},
                limits=httpx.Limits(max_connections=None),
            )
        return self._client
