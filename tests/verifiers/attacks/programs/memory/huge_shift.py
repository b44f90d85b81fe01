# try: a number of ten gigabytes
# outcome: memory|runtime_error
# study: 12


def f(x):
    return (1 << int(8e10)).bit_length()
