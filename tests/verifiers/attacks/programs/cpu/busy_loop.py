# try: compute for ever
# outcome: cpu_time
# study: 1


def f(x):
    while True:
        pass
