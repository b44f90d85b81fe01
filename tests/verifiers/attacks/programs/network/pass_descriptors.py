# try: send and receive on every inherited descriptor as if it were a socket
# outcome: ok|runtime_error|forbidden|crashed

import os
import socket


def f(x):
    for number in range(64):
        try:
            inherited = socket.socket(fileno=os.dup(number))
            inherited.setblocking(False)
            inherited.send(b'{"status": 0, "timed_out": false, "cpu_s": 0.0, "seconds": 0.0}')
        except OSError:
            continue
        return f"escaped: a report on descriptor {number}"
    return "held"
