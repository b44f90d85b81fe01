# try: a UDP packet to the host
# outcome: ok|runtime_error|forbidden|crashed

import socket


def f(x):
    try:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.sendto(b"loot", ("127.0.0.1", x["udp_port"]))
        made.sendto(b"loot", ("8.8.8.8", 53))
    except OSError:
        return "held"
    return "escaped: sent"
