# try: mount a file system, and undo the mounts of the jail
# outcome: ok|runtime_error|forbidden|crashed
# study: 29

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0:
        return "escaped: mounted"
    if libc.mount(None, b"/", None, 0x20 | 0x1000, None) == 0:
        return "escaped: remounted"
    for path in (b"/tmp", b"/dev", b"/usr", b"/"):
        if libc.umount2(path, 2) == 0:
            return "escaped: unmounted"
    return "held"
