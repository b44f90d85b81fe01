# try: the environment, memory and maps of the zygote and of PID 1
# outcome: ok|runtime_error|forbidden
# study: 56

import os


def f(x):
    for pid in {1, os.getppid(), x["host_pid"]} - {os.getpid()}:
        for name in ("environ", "maps", "mem", "auxv"):
            try:
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    if name == "mem":
                        file.seek(id(x) & ~0xFFF)
                    found = file.read(64)
            except OSError:
                continue
            if found:
                return f"escaped: {pid} {name}"
    return "held"
