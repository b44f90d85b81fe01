# try: nested doubling
# outcome: memory|output|runtime_error|cpu_time
# study: 74


def f(x):
    value = "ha"
    for _ in range(30):
        value = [value, value]
    return value
