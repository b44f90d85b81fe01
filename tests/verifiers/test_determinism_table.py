"""What the second run in another interpreter finds out, case by case, and that it accuses nobody wrongly."""

import asyncio
from random import Random

import pytest

from sparring.core.claims import ProgramRun
from sparring.core.config import ExecutorConfig
from sparring.core.types import Outcome
from sparring.recipes.corpus import draw_specimen
from sparring.verifiers.executor import ExecutorPool

pytestmark = pytest.mark.service  # real jails, and more than seconds

CONFIG = ExecutorConfig(processes=2, cpu_s=5.0, wall_s=10.0, memory_mib=128)
HONEST_PROGRAMS = 500
WORDS = '{"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"}'

# what varies -> cases: (name, program or body of f)
VARIES = {
    "hash order": {
        "order of a set of texts": f"return list({WORDS})",
        "order of a frozenset": f"return tuple(frozenset({WORDS}))",
        "text of a set": f"return str({WORDS})",
        "first popped": f"return [s.pop() for s in [{WORDS}] for _ in range(4)]",
        "keys made from a set": f"return list(dict.fromkeys({WORDS}))",
        "float sum in the order of a set": f"return sum([len(w) * 0.1 ** i for i, w in enumerate({WORDS})])",
        "union of two sets": 'return list(set("abcdefgh") | set("ijklmnop"))',
        "set of tuples": 'return [t for t in {(c, ord(c)) for c in "abcdefgh"}]',
        "set of bytes": 'return list({b"alpha", b"beta", b"gamma", b"delta", b"epsilon"})',
    },
    "hash value": {
        "hash of a text": 'return hash("abc")',
        "hash of bytes": 'return hash(b"abc")',
        "hash of a tuple of texts": 'return hash(("a", 1))',
        "bucket of a hash": 'return [hash(c) % 8 for c in "abcdefghij"]',
        "seed seen in the flags": "import sys\n    return sys.flags.hash_randomization",
    },
    "addresses": {
        "id of an object": "return id(object())",
        "default repr": "return repr(object())",
        "text of a function": "return str(f)",
        "hash of an object": "return hash(object())",
        "id of a list, reduced": "return [id([i]) // 16 % 1009 for i in range(8)]",
        "order of a set of objects": "return str({object() for _ in range(4)})",
        "address in an error's text": "return str(ValueError(object()))",
        "hash of nan": 'return [hash(float("nan")) for _ in range(3)]',
        "sorted by id": "return sorted([[i] for i in range(20)], key=lambda p: id(p) * 2654435761 % 2**36)",
        "ident of the thread": "import threading\n    return threading.get_ident()",
    },
    "random": {
        "random number": "import random\n    return random.random()",
        "shuffle": "import random\n    values = list(range(20))\n    random.shuffle(values)\n    return values",
        "generator without a seed": "import random\n    return random.Random().random()",
        "choice": "import random\n    return random.choices(range(1000), k=5)",
    },
    "clock": {
        "time": "import time\n    return time.time()",
        "nanoseconds": "import time\n    return time.time_ns()",
        "monotonic": "import time\n    return time.monotonic()",
        "performance counter": "import time\n    return time.perf_counter_ns()",
        "hour of the epoch": "import time\n    return int(time.time() // 3600)",
        "datetime": "import datetime\n    return str(datetime.datetime.now())",
        "today": "import datetime\n    return str(datetime.date.today())",
        "day of the datetime": "import datetime\n    return datetime.datetime.now().timetuple()[:3]",
        "day in UTC": "import datetime\n    return str(datetime.datetime.now(datetime.timezone.utc))[:10]",
        "a named clock": "import time\n    return time.clock_gettime(time.CLOCK_REALTIME) // 86_400",
        "nanoseconds of a named clock": "import time\n    return time.clock_gettime_ns(0) // (86_400 * 10**9)",
        "processor time": "import time\n    return time.process_time_ns()",
        "local time": "import time\n    return time.strftime('%Y-%m-%d %H:%M')",
        "local hour": "import time\n    return list(time.localtime(None))[:4]",
        "day in Greenwich": "import time\n    return time.gmtime().tm_yday, time.gmtime().tm_hour",
        "text of the time": "import time\n    return time.ctime()[:13] + time.asctime()[:13]",
    },
    "entropy": {
        "urandom": "import os\n    return os.urandom(8)",
        "uuid4": "import uuid\n    return str(uuid.uuid4())",
        "secrets": "import secrets\n    return secrets.token_hex(8)",
        "system random": "import random\n    return random.SystemRandom().random()",
    },
    "earlier calls": {
        "counter in a global": "seen.append(x)\n    return len(seen)",
        "default argument": "box.append(x)\n    return len(box)",
        "generator kept": "return next(numbers)",
    },
    "ending": {
        "fails at random": "import random\n    return 1 // (random.random() < 0.0000001)",
        "fails by the hash": 'return 1 // (1 - hash("abc") % 2) if hash("abc") % 3 else hash("abc")',
        "fails the second time": "seen.append(x)\n    return 1 // (2 - len(seen))",
    },
}
SAME = {
    "arithmetic": "return sum(x) * 7 - 3",
    "order of a dict": "return list({v: i for i, v in enumerate(x)})",
    "float sum": "return sum(0.1 for _ in range(10))",
    "order of a set of ints": "return list({5, 3, 9, 1})",
    "sorted set of texts": f"return sorted({WORDS})",
    "size of a set": f"return len({WORDS})",
    "set returned as a set": f"return {WORDS}",
    "sets inside a dict": f'return {{"a": {WORDS}, "b": frozenset({WORDS})}}',
    "membership": f'return "beta" in {WORDS}',
    "equality of sets": 'return set("abc") == set("cba")',
    "seeded random": "import random\n    random.seed(7)\n    return random.random()",
    "generator with a seed": "import random\n    return random.Random(5).sample(range(100), 5)",
    "digest": 'import hashlib\n    return hashlib.sha256(b"abc").hexdigest()',
    "hash of an int": "return hash(12345)",
    "hash of a tuple of ints": "return hash((1, 2, 3))",
    "id compared": "return id(x) == id(x)",
    "clock only compared": "import time\n    return time.monotonic() <= time.monotonic()",
    "fixed times": "import time as t\n    return [t.asctime(t.gmtime(0)), t.strftime('%H', t.gmtime(7)), t.ctime(9)]",
    "error of a date": "import datetime as d\n    try: d.date(2020, 13, 1)\n    except ValueError as e: return str(e)",
    "date and int": "import datetime as d\n    try: d.date(2020, 1, 1) + 5\n    except TypeError as e: return str(e)",
    "pickled datetime": "import datetime, pickle\n    return repr(pickle.dumps(datetime.datetime(2020, 1, 1)))",
    "many dates": "import datetime as d\n    return sum((d.date(20, 1, 1) + d.timedelta(i)).day for i in range(9999))",
    "fixed date": "import datetime\n    return str(datetime.date(2024, 2, 28) + datetime.timedelta(2))",
    "named uuid": 'import uuid\n    return str(uuid.uuid5(uuid.NAMESPACE_DNS, "a"))',
    "cache": "import functools\n    g = functools.cache(lambda n: n and g(n - 1) + n)\n    return g(30)",
    "decimal": "import decimal\n    return str(decimal.Decimal(1) / decimal.Decimal(7))",
    "heap": "import heapq\n    return heapq.nsmallest(3, x)",
    "changes its argument": "x.append(1)\n    return x",
    "nan": 'return float("nan")',
    "negative zero": "return -0.0",
    "counter of letters": 'import collections\n    return collections.Counter("abracadabra").most_common()',
    "text of a float": "return repr(1e22 / 3)",
    "objects counted": "return len({object() for _ in range(5)})",
    "global that is only read": "return len(seen)",
    "printed address": "print(id(x))\n    return 1",
}
PROGRAM = "seen = []\nbox = []\nnumbers = iter(range(10**6))\ndef f(x):\n    {}"


@pytest.fixture(scope="module")
def verify():
    with asyncio.Runner() as runner:
        pool = ExecutorPool(CONFIG)
        yield lambda *claims: runner.run(together(pool, claims))
        runner.run(pool.close())


async def together(pool, claims):
    return await asyncio.gather(*map(pool.verify, claims))


def checked(body, argument="[3, 1, 2]", **options):
    return ProgramRun(program=PROGRAM.format(body), arguments=(argument,), check_determinism=True, **options)


def rejected():
    for cause, cases in VARIES.items():
        for name, body in cases.items():
            yield pytest.param(cause, body, id=f"{cause}-{name}".replace(" ", "_"))


@pytest.mark.parametrize(("cause", "body"), list(rejected()))
def test_what_varies_between_interpreters_is_rejected_and_shown(verify, cause, body):
    (verdict,) = verify(checked(body))
    # "fails by ..." may fail in the first run already, which is no matter of determinism.
    if cause == "ending" and verdict.outcome is Outcome.RUNTIME_ERROR:
        assert "ZeroDivisionError" in verdict.message
        return
    assert (verdict.outcome, verdict.passed) == (Outcome.NONDETERMINISTIC, False), verdict
    assert "returned" in verdict.message or "ended ok, then" in verdict.message
    said = verdict.message.rpartition("likely cause: ")[2]
    assert said.startswith(("random", "hash value", "earlier calls") if cause == "ending" else cause), verdict.message


@pytest.mark.parametrize("body", [pytest.param(body, id=name.replace(" ", "_")) for name, body in SAME.items()])
def test_what_is_the_same_everywhere_is_accepted(verify, body):
    (verdict,) = verify(checked(body))
    assert verdict.outcome is Outcome.OK, verdict


def test_no_program_of_an_honest_corpus_is_rejected(verify):
    random = Random(20_240_607)
    specimens = [draw_specimen(random, 1 + number % 4) for number in range(HONEST_PROGRAMS)]
    claims = [
        ProgramRun(
            program=specimen.program,
            arguments=tuple(map(repr, specimen.inputs)),
            expected=tuple(map(repr, specimen.outputs)),
            check_determinism=True,
        )
        for specimen in specimens
    ]
    wrong = [
        (claim.program, verdict) for claim, verdict in zip(claims, verify(*claims), strict=True) if not verdict.passed
    ]
    assert wrong == []
