# try: no exception can end this loop
# outcome: cpu_time


def f(x):
    while True:
        try:
            while True:
                raise KeyboardInterrupt
        except BaseException:
            continue
