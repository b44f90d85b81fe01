"""How HTTP reaches the endpoint: its replica listens itself, in Serve's own server (Serve's "direct ingress").

Serve's usual way is a proxy process that hands each request on to the replica. With one replica it distributes nothing,
and it costs a request more of a core than everything else in front of the engine. Serve reads these variables where
its processes start, and none of them can be set in another way.
"""

from __future__ import annotations

import os

DIRECT = "RAY_SERVE_ENABLE_DIRECT_INGRESS"


def ingress_environment(*, port: int) -> dict[str, str]:
    """What the processes of a cluster must have in their environment for the replica to listen on ``port``."""
    return {
        DIRECT: "1",
        # Serve gives replicas ports of a range, whose end is not in it: this one, at once again after a restart.
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(port),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(port + 1),
        "RAY_SERVE_PORT_QUARANTINE_S": "0",
        # No load balancer has to be told before a replica ends.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
        # The routes do little but wait: on the server's own event loop they cost no change of threads.
        "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    }


def is_direct() -> bool:
    """Whether the cluster of this process was given them; one that a caller brought along may not have been."""
    return os.environ.get(DIRECT) == "1"
