# try: more empty files than a small disk has room for
# outcome: ok|runtime_error|crashed|forbidden|cpu_time|output
# study: 15


def f(x):
    made = 0
    for folder in ("/tmp", "/dev/shm", "/var/tmp", "/", x["canary_dir"]):
        try:
            for number in range(100_000):
                open(f"{folder}/{x['name']}-{number}", "x").close()
                made += 1
                if made > 20_000:
                    return "escaped: no end of files"
        except OSError:
            continue
    return "held"
