# try: send a secret out as a question for a name
# outcome: ok|runtime_error|forbidden|crashed|wall_time

import socket


def f(x):
    try:
        socket.getaddrinfo(b"loot.example.com", 80)
    except OSError:
        return "held"
    return "escaped: resolved"
