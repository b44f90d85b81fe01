# try: lift the limit, then allocate
# outcome: memory|runtime_error|ok|forbidden
# study: 13

import resource


def f(x):
    for limit in ((-1, -1), (1 << 40, 1 << 40)):
        try:
            resource.setrlimit(resource.RLIMIT_AS, limit)
        except (ValueError, OSError):
            continue
        return "escaped: lifted the limit"
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return "escaped: allocated" if bytearray(1 << 29) else ""
