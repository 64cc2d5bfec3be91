"""permessage-deflate's parameters, offered and answered."""

from __future__ import annotations

import pytest

from analyzer.http.fields import parse_extensions
from analyzer.rules.deflate_terms import CLIENT_BITS, SERVER_BITS, Terms, all_terms


def terms(value: str, *, offer: bool = True) -> Terms:
    (one,) = all_terms(parse_extensions([(value.encode(), 0)])[0], offer=offer)
    return one


def names(value: str, *, offer: bool = True) -> tuple[list[str], list[str], list[str]]:
    one = terms(value, offer=offer)
    unknown, bad, repeated = ([p.name.decode() for p in part] for part in (one.unknown, one.bad, one.repeated))
    return unknown, bad, repeated


@pytest.mark.parametrize("bits", ["8", "9", "10", "15", '"12"'])
def test_window_bits_are_eight_to_fifteen(bits: str) -> None:
    for name in (CLIENT_BITS, SERVER_BITS):
        one = terms(f"permessage-deflate; {name.decode()}={bits}")
        assert one.valid
        assert one.bits(name) == int(bits.strip('"'))


@pytest.mark.parametrize("bits", ["=7", "=16", "=08", "=015", "=8.0", "=x", '=""', '="1 0"'])
def test_other_window_bits_are_bad(bits: str) -> None:
    for offer in (True, False):
        assert names(f"permessage-deflate; client_max_window_bits{bits}", offer=offer)[1] == ["client_max_window_bits"]


def test_only_the_clients_window_may_stand_without_a_value_and_only_in_an_offer() -> None:
    assert names("permessage-deflate; client_max_window_bits") == ([], [], [])
    assert names("permessage-deflate; client_max_window_bits", offer=False)[1] == ["client_max_window_bits"]
    assert names("permessage-deflate; server_max_window_bits")[1] == ["server_max_window_bits"]


def test_a_repeated_parameter_is_only_that() -> None:
    assert names("permessage-deflate; a; A=1; server_max_window_bits=99; server_max_window_bits=9; b") == (
        ["b"], [], ["A", "server_max_window_bits"],
    )  # fmt: skip
    assert terms("permessage-deflate; server_max_window_bits=9; server_max_window_bits=9").bits(SERVER_BITS) is None


def test_what_leaves_the_grammar_is_not_judged_again() -> None:
    one = terms("permessage-deflate; =1; server_max_window_bits=; a b")
    assert (one.valid, one.readable) == (True, False)


def test_each_offer_is_read_by_itself() -> None:
    uses, _ = parse_extensions([(b"foo, PERMESSAGE-deflate; a", 0), (b"permessage-deflate", 50)])
    assert [one.valid for one in all_terms(uses, offer=True)] == [False, True]
