# try: memory, disks and the kernel's log as files
# outcome: ok|runtime_error|forbidden|crashed

import os


def f(x):
    for path in ("/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/ptmx"):
        try:
            os.open(path, os.O_RDWR | os.O_NONBLOCK)
        except OSError:
            continue
        return "escaped: " + path
    return "held"
