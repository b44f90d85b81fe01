# try: read /etc/shadow and /etc/passwd
# outcome: ok|runtime_error|forbidden
# study: 47


def f(x):
    for path in ("/etc/shadow", "/etc/passwd"):
        try:
            return "escaped: " + open(path).read(40)
        except OSError:
            pass
    return "held"
