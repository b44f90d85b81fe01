# try: leave or make a control group
# outcome: ok|runtime_error|forbidden|crashed
import os


def f(x):
    groups = ["unified", "memory", "cpu", "pids", "freezer", "system.slice", "user.slice", "."]
    for group in groups:
        try:
            os.open(f"/sys/fs/cgroup/{group}/cgroup.procs", os.O_WRONLY)
            return "escaped: may move to " + group
        except OSError:
            pass
    for group in groups:
        try:
            os.mkdir(f"/sys/fs/cgroup/{group}/{x['name']}")
        except OSError:
            continue
        return "escaped: made a group in " + group
    return "held"
