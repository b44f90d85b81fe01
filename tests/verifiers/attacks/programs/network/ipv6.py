# try: the other internet protocol
# outcome: ok|runtime_error|forbidden|crashed

import socket


def f(x):
    try:
        made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        made.sendto(b"loot", ("::1", x["udp_port"]))
    except OSError:
        return "held"
    return "escaped: sent"
