# try: modules, kexec, swap, accounting
# outcome: ok|runtime_error|forbidden|crashed
# study: 29

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    calls = {
        "init_module": (175, None, 0, b""),
        "finit_module": (313, -1, b"", 0),
        "kexec_load": (246, 0, 0, None, 0),
        "swapoff": (168, b"/nonexistent"),
        "acct": (163, b"/nonexistent"),
        "quotactl": (179, 0x800007 << 8, None, 0, None),
    }
    held = (1, 38)
    ctypes.set_errno(0)
    libc = ctypes.CDLL(None, use_errno=True)
    won = [name for name, call in calls.items() if libc.syscall(*call) >= 0 or ctypes.get_errno() not in held]
    return "escaped: the kernel considered " + str(won) if "kexec_load" in won else "held"
