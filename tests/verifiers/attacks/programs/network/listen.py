# try: serve others: two programs at once on one port
# outcome: ok|runtime_error|forbidden|crashed
# study: 75
# at_once: 2

import socket
import time


def f(x):
    try:
        server = socket.create_server(("127.0.0.1", x["free_port"]))
        time.sleep(0.05)
        server.close()
    except OSError as error:
        return "escaped: met another program" if error.errno == 98 else "held"
    return "escaped: a server"
