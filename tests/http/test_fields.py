"""The grammars of single values, from the RFCs' own examples to what must not match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.http import fields
from analyzer.model import Extension


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        (b"chat, superchat", [(b"chat", 10), (b"superchat", 16)]),
        (b"", [(b"", 10)]),
        (b"a,,b", [(b"a", 10), (b"", 12), (b"b", 13)]),
        (b' a="x,y" ,b', [(b'a="x,y"', 11), (b"b", 20)]),
        (b'"a\\",b",c', [(b'"a\\",b"', 10), (b"c", 18)]),
        (b'"open, b', [(b'"open, b', 10)]),
    ],
)
def test_lists_split_at_commas_outside_quotes(value: bytes, elements: list[tuple[bytes, int]]) -> None:
    assert [tuple(element) for element in fields.split_list(value, 10)] == elements


@given(st.binary(max_size=60), st.integers(0, 1000))
def test_every_element_stands_where_it_says(value: bytes, offset: int) -> None:
    for element in fields.split_list(value, offset):
        at = element.offset - offset
        assert value[at : at + len(element.text)] == element.text


def test_the_accept_value_of_the_rfc() -> None:
    assert fields.accept_for(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    ("value", "extensions"),
    [
        (b"permessage-deflate", [Extension("permessage-deflate")]),
        (
            b'permessage-deflate; client_max_window_bits; server_max_window_bits="10" , foo',
            [
                Extension("permessage-deflate", [("client_max_window_bits", None), ("server_max_window_bits", "10")]),
                Extension("foo"),
            ],
        ),
        (b"a, ,b", [Extension("a"), Extension("b")]),
    ],
)
def test_extensions_that_follow_the_grammar(value: bytes, extensions: list[Extension]) -> None:
    uses, faults = fields.parse_extensions([(value, 0)])
    assert [use.plain() for use in uses] == extensions
    assert faults == []


@pytest.mark.parametrize(
    ("value", "offset"),
    [
        (b"", 100),
        (b" , ", 100),
        (b"permessage-deflate; =10", 120),
        (b"permessage-deflate;", 119),
        (b"; a", 100),
        (b"a; b=", 105),
        (b'a; b="10', 105),
        (b'a; b="1 0"', 105),
        (b"a/b", 101),
        (b"a; b = 1", 104),
    ],
)
def test_extensions_that_break_the_grammar_say_where(value: bytes, offset: int) -> None:
    _, faults = fields.parse_extensions([(value, 100)])
    assert [fault.offset for fault in faults][:1] == [offset]


def test_extension_lines_are_one_list() -> None:
    uses, faults = fields.parse_extensions([(b"", 5), (b"foo", 50)])
    assert [use.name for use in uses] == [b"foo"]
    assert faults == []


@given(st.binary(max_size=80))
def test_no_value_makes_a_grammar_raise(value: bytes) -> None:
    fields.parse_extensions([(value, 7)])
    fields.authority_fault(value, 7)
    fields.origin_fault(value, 7)
    fields.absolute_target(value)
    fields.version_number(value)


@pytest.mark.parametrize(
    "value",
    [
        b"a.example",
        b"A.example:80",
        b"a.example:",
        b"localhost:65535",
        b"192.0.2.1:8080",
        b"[2001:db8::1]:8080",
        b"[::1]",
        b"[fe80::1%25eth0]:80",
        b"my_app~1.example",
        b"a%2db.example",
        b"a.example.",
    ],
)
def test_hosts_that_are_legal(value: bytes) -> None:
    assert fields.authority_fault(value, 0) is None


@pytest.mark.parametrize(
    ("value", "offset"),
    [
        (b"", 10),
        (b":80", 10),
        (b"user@a.example", 14),
        (b"a.example/chat", 19),
        (b"a.example, b.example", 20),
        (b"a b", 11),
        (b"a.example:http", 20),
        (b"a.example:65536", 20),
        (b"a.example:99999999999999999999", 20),
        (b"::1", 10),
        (b"[::1", 10),
        (b"[zz]", 10),
        (b"[::1]80", 15),
        (b"b\xc3\xbc.example", 11),
    ],
)
def test_hosts_that_are_not_say_where(value: bytes, offset: int) -> None:
    fault = fields.authority_fault(value, 10)
    assert fault is not None
    assert fault.offset == offset


@pytest.mark.parametrize(
    "value",
    [
        b"null",
        b"https://a.example",
        b"https://a.example:8443",
        b"chrome-extension://abc",
        b"file://",
        b"http://[::1]:80",
    ],
)
def test_origins_that_are_legal(value: bytes) -> None:
    assert fields.origin_fault(value, 0) is None


@pytest.mark.parametrize(
    "value",
    [b"", b"a.example", b"https://a.example/", b"https://a.example/page", b"http://a http://b", b"http://", b"NULL"],
)
def test_origins_that_are_not(value: bytes) -> None:
    assert fields.origin_fault(value, 0) is not None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (b"13", 13),
        (b"0", 0),
        (b"255", 255),
        (b"256", None),
        (b"013", None),
        (b"", None),
        (b"13, 8", None),
        (b"+1", None),
    ],
)
def test_versions(value: bytes, number: int | None) -> None:
    assert fields.version_number(value) == number
