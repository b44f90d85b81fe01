# try: look around in / and /tmp
# outcome: ok|runtime_error|forbidden
# study: 48

import os


def f(x):
    seen = set()
    for folder in ("/", "/tmp", "/home", "/root", "/work", x["canary_dir"]):
        try:
            seen |= set(os.listdir(folder))
        except OSError:
            pass
    host = {"home", "boot", "etc", "var", "sys", "work", "secret.txt", ".bashrc"} & seen
    return "escaped: " + str(host) if host else "held"
