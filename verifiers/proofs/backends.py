"""The provers there are, by name."""

from __future__ import annotations

from collections.abc import Sequence

from sparring.core.config import ProofConfig
from sparring.core.errors import UsageError
from sparring.verifiers.proofs.backend import Backend
from sparring.verifiers.proofs.pool import ProofPool
from sparring.verifiers.proofs.rocq import RocqBackend


def backends(config: ProofConfig) -> dict[str, Backend]:
    """One of each.

    Raises:   UsageError: provers have to be jailed and can not be.
    """
    return {RocqBackend.name: RocqBackend(config)}


def check_provers(names: Sequence[str], config: ProofConfig) -> None:
    """Find what is wrong with the provers of a recipe before anything is started.

    Raises:   UsageError: there is no such backend, it can not run here, or it has to be jailed and can not be.
    """
    known = backends(config) if names else {}
    for name in names:
        if name not in known:
            raise UsageError(f"the recipe needs prover {name!r}; there are: {', '.join(sorted(known))}")
        if problem := known[name].missing():
            raise UsageError(f"the recipe needs prover {name!r}, which can not run here: {problem}")


def missing_provers() -> dict[str, str]:
    """What keeps each of them from running here and how to mend it; empty: nothing."""
    return {name: backend.missing() for name, backend in backends(ProofConfig(jail="never")).items()}


def proof_pool(config: ProofConfig) -> ProofPool:
    """A pool over all of them; inside a running event loop.

    Raises:   UsageError: as ``backends``.
    """
    return ProofPool(config, backends=backends(config))
