# try: fanotify and inotify on what others do
# outcome: ok|runtime_error|forbidden|crashed

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    if libc.syscall(300, 0, 0) >= 0:
        return "escaped: fanotify"
    watcher = libc.syscall(294, 0)
    if watcher >= 0 and libc.syscall(254, watcher, x["canary_dir"].encode(), 0xFFF) >= 0:
        return "escaped: watches the host's files"
    return "held"
