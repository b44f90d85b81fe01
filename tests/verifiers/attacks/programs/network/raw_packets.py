# try: raw, packet, netlink, vsock and crypto sockets
# outcome: ok|runtime_error|forbidden|crashed

import socket


def f(x):
    for family, kind in ((2, 3), (17, 3), (16, 3), (40, 1), (38, 5), (31, 3), (29, 3), (44, 3)):
        try:
            socket.socket(family, kind)
        except OSError:
            continue
        return f"escaped: family {family}"
    return "held"
