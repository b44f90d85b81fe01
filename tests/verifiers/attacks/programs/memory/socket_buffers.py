# try: fill socket pairs, whose memory belongs to no process
# outcome: ok|runtime_error|memory|forbidden

import socket


def f(x):
    held, kept = 0, []
    try:
        for _ in range(1_000):
            kept += socket.socketpair()
            kept[-1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)
            kept[-1].setblocking(False)
            held += kept[-1].send(bytes(1 << 20))
    except (OSError, MemoryError):
        pass
    return "escaped: more than 64 MiB of sockets" if held > 64 << 20 else "held"
