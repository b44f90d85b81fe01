"""Every Redis key of a run, in one place."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Names under ``sparring:{<run>}:``; the braces are literal, so a Redis Cluster keeps a run on one node.

    "worker" writes through Admission and EpisodeQueue.put, "collector" through EpisodeQueue.get and Replay.insert,
    "learner" through Replay.take, Replay.commit and RedisStore.prepare_resume.
    """

    run: str

    def _name(self, name: str) -> str:
        return f"sparring:{{{self.run}}}:{name}"

    @property
    def pattern(self) -> str:
        """Matches every key of the run, for SCAN."""
        return re.sub(r"([*?\[\]^\\])", r"\\\1", self._name("")) + "*"

    # --- streams ---------------------------------------------------------------------------------------------------

    @property
    def episodes(self) -> str:
        """Stream, group "collector"; field "v": one wire Episode. Workers add, the collector takes and deletes."""
        return self._name("episodes")

    def trajectories(self, policy: str) -> str:
        """Stream, group "learner"; field "v": one wire Cohort. The collector adds, the learner takes and deletes."""
        return self._name(f"trajectories:{policy}")

    def versions(self, policy: str) -> str:
        """Stream, capped; id "<version number>-1", field "v": one wire Announcement. Learner adds, replicas read."""
        return self._name(f"versions:{policy}")

    @property
    def wake(self) -> str:
        """Stream of length 1: grows whenever an episode may start that could not before. All add, workers wait."""
        return self._name("wake")

    # --- admission -------------------------------------------------------------------------------------------------

    @property
    def leases(self) -> str:
        """Hash: lease id -> JSON {owner, kind, started_ms: Unix ms}; the episodes now running. Workers.

        The id is <kind>#<number>, or <kind>~<n>#<number> for the n-th lease that holds the number, n above 1.
        """
        return self._name("leases")

    @property
    def running(self) -> str:
        """Hash: kind -> leases of it, episodes. Workers; cleared by the learner's resume."""
        return self._name("running")

    @property
    def accepted(self) -> str:
        """Hash: kind -> episodes ever put. Workers."""
        return self._name("accepted")

    @property
    def started(self) -> str:
        """Hash: kind -> the largest number that a lease id of it ever had. Workers."""
        return self._name("started")

    @property
    def freed(self) -> str:
        """Sorted set, scores 0: <kind>#<number in 12 digits>~<n>: numbers given back without an episode.

        The next lease of the kind takes the smallest, as its n-th holder. Workers and the learner's resume.
        """
        return self._name("freed")

    @property
    def steps(self) -> str:
        """Integer, learner steps committed. The learner writes, workers read."""
        return self._name("steps")

    # --- archive ---------------------------------------------------------------------------------------------------

    @property
    def minted(self) -> str:
        """Hash: kind -> tasks ever archived: the number of the newest one. Workers."""
        return self._name("archive:minted")

    def tasks(self, kind: str) -> str:
        """Hash: number -> 32 hex characters of fingerprint, then one wire Task; numbers are consecutive. Workers."""
        return self._name(f"archive:tasks:{kind}")

    def seen(self, kind: str) -> str:
        """Set of the fingerprints in ``tasks(kind)``. Workers."""
        return self._name(f"archive:seen:{kind}")

    def families(self, kind: str) -> str:
        """Sorted set: family -> number of the newest task of it in ``tasks(kind)``. Workers."""
        return self._name(f"archive:families:{kind}")

    def fresh(self, kind: str) -> str:
        """List of wire Tasks minted lately that no episode has opened with, oldest first, capped. Workers."""
        return self._name(f"archive:fresh:{kind}")

    # --- fences ----------------------------------------------------------------------------------------------------

    def fence(self, role: str) -> str:
        """Hash: number -> incarnation of ``role`` (collector or learner), holder -> its consumer name. Themselves."""
        return self._name(f"fence:{role}")
