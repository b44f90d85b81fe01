"""Redis side of the loop: streams, archive, admission and versions, with in-memory twins.

workers ── admission.start ─► lease ── episodes.put ─► episodes ── replay.insert ─► trajectories:<policy>
   ▲                                    │ minted                                        │ replay.take
   └───── archive.sample ◄── archive ◄──┘               admission ◄── replay.commit ────┘
"""
