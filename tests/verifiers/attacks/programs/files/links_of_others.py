# try: where the links of other processes lead: program, folder, open files
# outcome: ok|runtime_error|forbidden
import os


def f(x):
    for pid in {1, os.getppid(), x["host_pid"]} - {0, os.getpid()}:
        for name in ("exe", "cwd", "root", "ns/user", *(f"fd/{number}" for number in range(64))):
            try:
                return f"escaped: {pid} {name} {os.readlink(f'/proc/{pid}/{name}')}"
            except OSError:
                pass
    return "held"
