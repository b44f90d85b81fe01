# try: a TCP connection to another machine
# outcome: ok|runtime_error|forbidden|crashed|wall_time
# study: 58

import socket


def f(x):
    made = socket.socket()
    made.settimeout(0.2)
    try:
        made.connect(("192.0.2.1", 80))
    except OSError as error:
        # A time-out means that a packet was sent.
        return "escaped: sent a packet" if isinstance(error, TimeoutError) else "held"
    return "escaped: connected"
