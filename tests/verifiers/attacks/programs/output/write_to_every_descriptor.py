# try: bytes that are no protocol, wherever they fit
# outcome: crashed|output|ok|runtime_error|forbidden
# study: 35

import os


def f(x):
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"\xff" * 64)
        except OSError:
            pass
    return "done"
