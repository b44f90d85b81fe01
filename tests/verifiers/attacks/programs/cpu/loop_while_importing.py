# try: loop before f exists
# outcome: cpu_time

while True:
    pass


def f(x):
    return x
