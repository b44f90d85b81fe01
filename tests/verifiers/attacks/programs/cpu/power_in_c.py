# try: stay inside one C call, where no Python signal handler runs
# outcome: cpu_time
# study: 4


def f(x):
    return len(str(pow(3, 10**8)))
