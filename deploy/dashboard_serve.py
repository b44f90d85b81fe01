"""Serves the page of a run on loopback, until Ctrl-C."""

from __future__ import annotations

import socket

import uvicorn

from sparring.core.errors import UsageError
from sparring.core.rundir import RunDirectory
from sparring.deploy.dashboard import LOOPBACK, dashboard
from sparring.deploy.existing import existing_run

HOST = "127.0.0.1"


def serve(directory: RunDirectory, *, port: int) -> None:
    """Serve until interrupted; port 0 takes any that is free, and the address is printed first.

    Raises:   UsageError: there is no run in the directory, or the port is taken.
    """
    existing_run(directory)
    listening = _listen(port)
    print(f"watch {directory.root} at http://{HOST}:{listening.getsockname()[1]}/ (Ctrl-C ends it)", flush=True)
    config = uvicorn.Config(dashboard(directory, allowed_hosts=LOOPBACK), log_level="warning", access_log=False)
    with listening:
        uvicorn.Server(config).run(sockets=[listening])


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()  # before the address is printed: who follows it at once waits instead of being refused
    except (OSError, OverflowError) as error:
        listening.close()
        raise UsageError(
            f"port {port} of {HOST}: {error}; stop what listens there, choose another with --port, or --port 0 for any"
        ) from error
    return listening
