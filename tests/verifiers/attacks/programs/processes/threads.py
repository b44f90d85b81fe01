# try: threads without end
# outcome: ok|runtime_error|forbidden|crashed
# study: 22

import threading
import time


def f(x):
    made = 0
    for _ in range(64):
        try:
            threading.Thread(target=time.sleep, args=(10**6,), daemon=True).start()
        except RuntimeError:
            break
        made += 1
    return f"escaped: {made} threads" if made else "held"
