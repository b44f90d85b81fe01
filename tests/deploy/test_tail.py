import json
import os

from sparring.deploy.bounded_lines import BoundedLines
from sparring.deploy.tail import Tail


def a_tail(path):
    return Tail(path, lambda line, place: (json.loads(line), place))


def values(tail):
    return [value for value, _ in tail.values]


def test_each_look_takes_only_what_is_new(tmp_path):
    path = tmp_path / "lines"
    tail = a_tail(path)
    assert not tail.look()
    path.write_text("1\n2\n")
    assert tail.look()
    assert not tail.look()
    with path.open("a") as file:
        file.write("3\n")
    assert tail.look()
    assert values(tail) == [1, 2, 3]
    assert [tail.read(place) for _, place in tail.values] == [b"1", b"2", b"3"]


def test_a_torn_line_is_counted_and_the_next_is_read(tmp_path):
    path = tmp_path / "lines"
    path.write_text('1\n{"x\n3\n')
    tail = a_tail(path)
    tail.look()
    assert (values(tail), tail.num_torn) == ([1, 3], 1)


def test_a_line_without_its_end_waits(tmp_path):
    path = tmp_path / "lines"
    path.write_text("1\n2")
    tail = a_tail(path)
    tail.look()
    assert values(tail) == [1]
    with path.open("a") as file:
        file.write("2\n")
    tail.look()
    assert values(tail) == [1, 22]


def test_a_file_that_was_replaced_is_read_anew(tmp_path):
    path = tmp_path / "lines"
    path.write_text("1\n2\n3\n")
    tail = a_tail(path)
    tail.look()
    (tmp_path / "draft").write_text("2\n3\n4\n5\n")
    os.replace(tmp_path / "draft", path)
    before = tail.generation
    assert tail.look()
    assert tail.generation != before
    assert values(tail) == [2, 3, 4, 5]


def test_a_line_is_read_from_the_file_it_was_found_in(tmp_path):
    path = tmp_path / "lines"
    path.write_text("11\n22\n")
    tail = a_tail(path)
    tail.look()
    path.unlink()
    path.write_text("[3]\n[4]\n[5]\n")
    assert [tail.read(place) for _, place in tail.values] == [b"11", b"22"]
    assert tail.look()
    assert values(tail) == [[3], [4], [5]]


def test_a_file_that_became_shorter_or_went_is_read_anew(tmp_path):
    path = tmp_path / "lines"
    path.write_text("1\n2\n3\n")
    tail = a_tail(path)
    tail.look()
    path.write_text("7\n")
    tail.look()
    assert values(tail) == [7]
    path.unlink()
    assert tail.look()
    assert not tail.look()
    assert values(tail) == []


def test_a_bounded_file_keeps_its_newest_line_and_some_of_every_age(tmp_path):
    path = tmp_path / "lines"
    lines = BoundedLines(path, max_bytes=400)
    for number in range(1000):
        lines.append([b"%03d" % number])
        assert path.stat().st_size <= 400
    kept = [int(line) for line in path.read_text().split()]
    assert kept == sorted(kept)
    assert kept[-1] == 999
    assert 25 <= len(kept) <= 100
    assert kept[0] < 400


def test_a_line_longer_than_the_bound_is_kept_alone(tmp_path):
    path = tmp_path / "lines"
    lines = BoundedLines(path, max_bytes=10)
    lines.append([b"1", b"2"])
    lines.append([b"x" * 40])
    assert path.read_bytes() == b"x" * 40 + b"\n"
    lines.append([])
    assert path.read_bytes() == b"x" * 40 + b"\n"
