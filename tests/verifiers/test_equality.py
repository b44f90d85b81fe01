import ast
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.verifiers.equality import MAX_DEPTH, canonical, same_value

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
hashables = st.recursive(scalars, lambda part: st.tuples(part, part) | st.frozensets(part, max_size=4), max_leaves=8)
values = st.recursive(
    hashables | st.sets(hashables, max_size=4),
    lambda part: st.lists(part, max_size=4) | st.tuples(part) | st.dictionaries(hashables, part, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_repr_writes_is_read_back_as_the_same_value(value):
    text = canonical(repr(value))
    assert text is not None
    assert same_value(text, repr(value))
    assert canonical(text) == text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text() | st.binary(), st.lists, max_leaves=8))
def test_canonical_text_of_plain_values_is_python_s_own(value):
    assert ast.literal_eval(canonical(repr(value))) == value


@given(st.text(max_size=200) | st.text(alphabet="[](){}'\"\\,:-+1ej_ax*.=#\n ", max_size=200))
def test_no_text_raises_and_no_text_differs_from_itself_once_it_is_a_value(text):
    form = canonical(text)
    assert form is None or (canonical(form) == form and same_value(text, form))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1", "1.0"),
        ("0.0", "-0.0"),
        ("[1, 2]", "[ 1,2.0 , ]"),
        ("'a'", '"a"'),
        ("(1,)", "1,"),
        ("{1, 2}", "{2, 1}"),
        ("{'a': 1, 'b': [2]}", "{'b': [2], 'a': 1}"),
        ("nan", "-nan"),
        ("{'a': nan}", "{'a': nan}"),
        ("1e400", "inf"),
        ("set()", "set( )"),
        ("frozenset({1})", "frozenset([1])"),
        ("1_000", "1000"),
        ("1+2j", "(1+2j)"),
    ],
)
def test_texts_of_one_value_are_the_same(a, b):
    assert same_value(a, b)
    assert same_value(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1", "True"),
        ("0", "False"),
        ("[1]", "[True]"),
        ("{1: 2}", "{True: 2}"),
        ("{1}", "{True}"),
        ("1", "'1'"),
        ("'a'", "b'a'"),
        ("[1]", "(1,)"),
        ("{1}", "frozenset({1})"),
        ("{}", "set()"),
        ("None", "False"),
        ("0.3", "0.30000000000000004"),
        ("9007199254740993", "9007199254740992.0"),
        ("nan", "inf"),
        ("1", "(1+0j)"),
        ("[1, 2]", "[2, 1]"),
    ],
)
def test_texts_of_different_values_differ(a, b):
    assert not same_value(a, b)
    assert not same_value(b, a)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "f(1)",
        "__import__('os').system('true')",
        "1 + 1",
        "2 ** 3",
        "-True",
        "...",
        "{**{}}",
        "[*[1]]",
        "{[]: 1}",
        "{[]}",
        "f'{1}'",
        "lambda: 1",
        "[x for x in (1, 2)]",
        "<object object at 0x7f>",
        "set([1])",
        "frozenset(1)",
        "frozenset({1}, {2})",
        "1\n2",
        "'\ud800'",
        "\0",
        "1) or (2",
    ],
)
def test_what_is_no_literal_has_no_canonical_text_and_equals_nothing(text):
    assert canonical(text) is None
    assert not same_value(text, text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + ")" * 5000,
        "[" * 150 + "]" * 150,
        "-" * 60_000 + "1",
        "not " * 15_000 + "1",
        "1" * 5000,
        "0x" + "f" * 5000,
        "a" + ".b" * 30_000,
        "1" + "+1" * 30_000,
        "{" * 5000,
        "(1" + "0" * 400 + "+1j)",
    ],
)
def test_hostile_text_is_refused_without_an_exception(text):
    assert canonical(text) is None


def test_depth_and_length_are_bounded_exactly():
    assert canonical("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH) is not None
    assert canonical("[" * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1)) is None
    assert canonical("'abc'", max_chars=5) == "'abc'"
    assert canonical("'abcd'", max_chars=5) is None


def test_dicts_keep_their_order_and_sets_are_sorted():
    assert canonical("{'b': 1, 'a': {10, 9, 'x', None}}") == "{'b': 1, 'a': {9, 10, 'x', None}}"


def test_numbers_without_a_literal_are_read_as_repr_writes_them():
    assert canonical(repr([math.inf, -math.inf, math.nan])) == "[inf, -inf, nan]"
    assert canonical(repr(complex(-0.0, -math.inf))) == "(-0-infj)"


@pytest.mark.timeout(20)
def test_sets_within_sets_are_written_in_a_time_that_does_not_double_with_each():
    text = "frozenset({" * 30 + "1" + "})" * 30
    assert canonical(text) == text
    assert same_value(text, text)
