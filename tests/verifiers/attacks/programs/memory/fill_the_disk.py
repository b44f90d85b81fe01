# try: write a file larger than any limit
# outcome: ok|runtime_error|crashed|forbidden|output
# study: 14

import os


def f(x):
    written = 0
    for folder in ("/tmp", "/dev/shm", "/var/tmp", "/", x["canary_dir"]):
        try:
            with open(f"{folder}/{x['name']}", "wb", buffering=0) as file:
                for _ in range(256):
                    written += file.write(bytes(1 << 20))
        except OSError:
            pass
        finally:
            try:
                os.unlink(f"{folder}/{x['name']}")
            except OSError:
                pass
    return f"escaped: {written} bytes" if written > 32 << 20 else "held"
