# try: change the user and take capabilities
# outcome: ok|runtime_error|forbidden|crashed
# study: 26

import ctypes
import os


def f(x):
    libc = ctypes.CDLL(None)
    for call in (os.setuid, os.seteuid, os.setgid):
        try:
            if os.getuid() != 0:
                call(0)
                return "escaped: root"
        except OSError:
            pass
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
    if libc.capset(header, data) == 0:
        return "escaped: capabilities"
    return "held"
