# try: write below /proc/sys and /sys
# outcome: ok|runtime_error|forbidden|crashed

import os


def f(x):
    for path in ("/proc/sys/kernel/core_pattern", "/proc/self/oom_score_adj", "/proc/self/uid_map", "/sys/power/state"):
        try:
            os.open(path, os.O_WRONLY)
        except OSError:
            continue
        return "escaped: " + path
    return "held"
