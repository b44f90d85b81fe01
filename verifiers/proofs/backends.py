"""The provers there are, by name."""

from __future__ import annotations

from sparring.core.config import ProofConfig
from sparring.verifiers.proofs.backend import Backend
from sparring.verifiers.proofs.pool import ProofPool
from sparring.verifiers.proofs.rocq import RocqBackend


def backends(config: ProofConfig) -> dict[str, Backend]:
    """One of each.

    Raises:   UsageError: provers have to be jailed and can not be.
    """
    return {RocqBackend.name: RocqBackend(config)}


def proof_pool(config: ProofConfig) -> ProofPool:
    """A pool over all of them; inside a running event loop.

    Raises:   UsageError: as ``backends``.
    """
    return ProofPool(config, backends=backends(config))
