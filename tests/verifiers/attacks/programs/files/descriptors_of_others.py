# try: open what the zygote and the host hold open
# outcome: ok|runtime_error|forbidden
# study: 56

import os


def f(x):
    for pid in {1, os.getppid(), x["host_pid"]} - {os.getpid()}:
        for link in ("root", "cwd", "exe", *(f"fd/{number}" for number in range(32))):
            try:
                os.open(f"/proc/{pid}/{link}", os.O_RDONLY | os.O_NONBLOCK)
            except OSError:
                continue
            return f"escaped: {pid} {link}"
    return "held"
