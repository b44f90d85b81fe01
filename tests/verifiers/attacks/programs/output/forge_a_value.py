# try: write a frame of one's own in front of the answer
# outcome: crashed|output|ok|runtime_error|forbidden
# study: 34
# never: forged

import os
import struct


def f(x):
    frame = b"v'forged'"
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, struct.pack(">I", len(frame)) + frame)
        except OSError:
            pass
    os._exit(0)
