"""No part of a password is shown, wherever it stands and however an address is broken."""

import json

import pytest

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.deploy.machine_system import redis_settings
from sparring.deploy.report import settings
from sparring.replay.address import public, redis_address
from sparring.replay.connection import connect

# The two halves of a password that stands before an @, with each character between them that has a meaning there.
BEFORE, BEHIND = "hunter", "secret"
BROKEN = {f"with {mark}": f"redis://:{BEFORE}{mark}{BEHIND}@127.0.0.1:1/0" for mark in "/?#@:[]%&= \\"}
ADDRESSES = {
    **BROKEN,
    "digits, then a slash": "redis://:99/hunter@127.0.0.1:1",
    "a bad port": "redis://:hunter2@redis:63x79",
    "a bad port that is one": "redis://redis:hunter2",
    "no @": "redis://:hunter2/0",
    "an option": "redis://127.0.0.1:1?password=hunter2",
    "an option with an @": "redis://127.0.0.1:1?password=hunter@secret",
    "an option of two": "redis://127.0.0.1:1/0?db=0&password=hunter2",
    "as a user": "redis://hunter2@127.0.0.1:1",
    "over TLS": "rediss://me:hunter2@127.0.0.1:1",
    "of a socket": "unix://me:hunter2@/nowhere/redis.sock",
    "of a socket as an option": "unix:///nowhere/redis.sock?password=hunter2",
    "without a scheme": ":hunter2@127.0.0.1:1",
    "an open bracket": "redis://:hunter2@[::1:1",
}


def whole(error):
    """An error with everything that a traceback of it shows."""
    said = []
    while error is not None:
        said.append(f"{error!r} {error}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return " ".join(said)


def leaks(text):
    return [part for part in (BEFORE, BEHIND, ":99") if part in text]


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES.keys())
async def test_an_address_that_can_not_be_used_is_shown_without_its_password(address):
    assert leaks(public(address)) == []
    with pytest.raises(UsageError) as raised:
        await connect(address)
    assert leaks(whole(raised.value)) == []
    assert leaks(str(redis_settings(address))) == []
    config = json.loads(RunConfig.model_validate({"replay": {"redis": address}}).model_dump_json())
    assert leaks(str(settings(config))) == [] or "://" not in address


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://redis:6379/0", "redis://redis:6379/0"),
        ("redis://me:pass@redis-1.example:6379/0", "redis://me:***@redis-1.example:6379/0"),
        ("redis://:pass@[::1]:6379", "redis://:***@[::1]:6379"),
        ("redis://redis:63x79", "redis://redis:***"),
        ("127.0.0.1:6379", "127.0.0.1:6379"),
        ("redis:hunter2", "***"),
        ("redis://redis:6379?db=1", "redis://redis:6379?***"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("/run/a@b/redis.sock", "/run/a@b/redis.sock"),
        ("http://sandbox:8080/run_code", "http://sandbox:8080/run_code"),
    ],
)
def test_what_is_no_secret_is_shown(address, shown):
    assert public(address) == shown


def test_addresses_reach_redis_as_they_are():
    for address in ("redis://:p%2Fq@redis:6379/0", "redis://redis:1?password=a@b", "unix://me:p@/run/redis.sock"):
        assert redis_address(address) == address
    assert redis_address("/run/a b/redis.sock") == "unix:///run/a%20b/redis.sock"
