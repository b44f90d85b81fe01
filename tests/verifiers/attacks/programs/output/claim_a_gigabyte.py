# try: announce a frame that never comes
# outcome: crashed|output|runtime_error|forbidden

import os
import struct


def f(x):
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, struct.pack(">I", 1 << 30))
        except OSError:
            pass
    os._exit(0)
