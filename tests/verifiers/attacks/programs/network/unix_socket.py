# try: a socket file of the host
# outcome: ok|runtime_error|forbidden|crashed
# study: 59

import socket


def f(x):
    try:
        made = socket.socket(socket.AF_UNIX)
        made.connect(x["unix_socket"])
    except OSError:
        return "held"
    return "escaped: connected"
