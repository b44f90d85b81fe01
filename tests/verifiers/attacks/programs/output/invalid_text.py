# try: a value that no encoding has
# outcome: ok|runtime_error|output|crashed
# study: 36


def f(x):
    return "\udcff\x00\ud800"
