# try: lower the parent's limits, so that it dies later
# outcome: ok|runtime_error|forbidden|crashed

import os
import resource


def f(x):
    for pid in {os.getppid(), x["host_pid"], 1} - {0, os.getpid()}:
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3))
        except (OSError, ValueError):
            continue
        return "escaped: limited the parent"
    return "held"
