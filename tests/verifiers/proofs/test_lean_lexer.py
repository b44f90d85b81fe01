"""Lean's tokens: what is code, and what is inside of a comment, a string or a name."""

import itertools
import random

import pytest

from sparring.verifiers.proofs.lean_lexer import MAX_DEPTH, Kind, LexError, position, tokens


def words(text):
    return [token.text for token in tokens(text) if token.kind is Kind.WORD]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a /- axiom /- b -/ axiom -/ c", ["a", "c"]),
        ("a -- axiom\nb", ["a", "b"]),
        ('a "axiom )" b', ["a", "b"]),
        ('a "\\" axiom" b', ["a", "b"]),
        ('a r"axiom" b', ["a", "b"]),
        ('a r##"axiom "# axiom"## b', ["a", "b"]),
        ('s!"axiom {b} axiom {c "{"} )" d', None),
        ('s!"axiom {b} axiom {c "x"} )" d', ["b", "c", "d"]),
        ("'a' 'b' c", ["c"]),
        (r"'\'' '\"' '\\' '\x41' a", ["a"]),
        ("h' h'' a", ["h'", "h''", "a"]),
        ("f ⁻¹' s", ["f", "s"]),
        ("f '' s", ["f", "s"]),
        ("«a ) b» c", ["«a ) b»", "c"]),
        ("a.«b)».c d", ["a.«b)».c", "d"]),
        ("a.«b»c", ["a.«b»", "c"]),
        ("h.axiom x", ["h.axiom", "x"]),
        ("(h).axiom", ["h", "axiom"]),
        ("αβ \u2115 x₁ h? f!", ["αβ", "\u2115", "x₁", "h?", "f!"]),
        ("fun x ↦ λ y => y", ["fun", "x", "y", "y"]),
        ("1.5 0xFF 1e10 h.1.2", ["h"]),
        ("rw [←a, <- b]", ["rw", "a", "b"]),
        ("x-- comment", ["x"]),
        ("(x)-- comment", ["x"]),
    ],
)
def test_words_are_code_and_nothing_else_is(text, expected):
    if expected is None:
        with pytest.raises(LexError):
            tokens(text)
    else:
        assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "rule", "offset"),
    [
        ("a )", "escape", 2),
        ("(a]", "unbalanced-bracket", 2),
        ("a (b", "unterminated-bracket", 2),
        ("a /- b", "unterminated-comment", 2),
        ('a "b', "unterminated-string", 2),
        ('a s!"{b} c', "unterminated-string", 8),
        ('r#"a"', "unterminated-string", 0),
        ("'ab'", "unterminated-character", 0),
        ("«a", "unterminated-name", 0),
        ("a /-/ b -/", "ambiguous-comment", 2),
        ("a /--/ b", "doc-comment", 2),
        ("a /-! b -/", "doc-comment", 2),
        ("a <--b", "ambiguous-comment", 3),
        ('"{a}"', "string-brace", 0),
        ('x"a"', "glued", 1),
        ("2x", "glued", 1),
        ("⁻¹'\"'", "ambiguous-character", 2),
        ("a\rb", "control-character", 1),
        ("a\tb", "control-character", 1),
        ("(" * (MAX_DEPTH + 1), "depth", MAX_DEPTH),
    ],
)
def test_text_that_lean_refuses_or_may_read_in_two_ways_is_refused(text, rule, offset):
    with pytest.raises(LexError) as caught:
        tokens(text)
    assert (caught.value.rule, caught.value.offset) == (rule, offset)


def test_positions_are_counted_as_lean_does():
    assert position("ab\ncd\n", 4) == "2:1"
    assert position("ab", 0) == "1:0"


def test_depth_counts_the_brackets_around_a_token():
    assert [token.depth for token in tokens("a (b [c]) d")] == [0, 0, 1, 1, 2, 1, 0, 0]


def test_any_text_ends_in_tokens_that_cover_it_or_in_an_error():
    rng = random.Random(7)
    pieces = [
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        '"',
        "'",
        "''",
        "«",
        "»",
        "--",
        "/-",
        "-/",
        "\n",
        " ",
        "r#",
        "s!",
        "a",
        "axiom",
    ]
    pieces += ["0b1", "1", ".", "⁻¹", "\\", "#", "<", "\u2115", "₁", "!", "λ"]
    lexed = 0
    for _ in range(20_000):
        text = "".join(rng.choices(pieces, k=rng.randrange(1, 14)))
        try:
            found = tokens(text)
        except LexError:
            continue
        lexed += 1
        assert all(token.text == text[token.start : token.end] for token in found)
        assert all(one.end <= other.start for one, other in itertools.pairwise(found))
        opened = sum(token.kind is Kind.OPEN for token in found)
        assert opened == sum(token.kind is Kind.CLOSE for token in found)
    assert lexed > 1000
