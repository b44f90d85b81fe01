# try: a small text that unpacks to gigabytes
# outcome: memory

import zlib


def f(x):
    packed = zlib.compress(bytes(10**7))
    return len(zlib.decompress(packed * 1)) + len(b"".join(zlib.decompress(packed) for _ in range(100)))
