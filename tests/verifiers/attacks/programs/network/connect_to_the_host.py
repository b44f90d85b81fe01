# try: a TCP connection to a server on the host
# outcome: ok|runtime_error|forbidden|crashed
# study: 58
import socket


def f(x):
    try:
        made = socket.socket()
        made.settimeout(0.2)
        made.connect(("127.0.0.1", x["port"]))
    except OSError:
        return "held"
    return "escaped: connected"
