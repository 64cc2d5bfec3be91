"""The tables of close codes divide what may be sent."""

from __future__ import annotations

from analyzer.rules import iana


def test_the_codes_of_rfc_6455_that_may_not_be_sent_are_not_assigned() -> None:
    assert not iana.ASSIGNED & {1004, 1005, 1006, 1015}
    assert {1000, 1001, 1002, 1003, *range(1007, 1015)} == iana.ASSIGNED


def test_failures_and_server_codes_are_assigned_and_apart() -> None:
    assert iana.ASSIGNED >= iana.FAILURES | iana.SERVER_CODES
    assert not iana.FAILURES & iana.SERVER_CODES
    assert not iana.FAILURES & {1000, 1001}


def test_registered_codes_lie_where_codes_are_registered() -> None:
    assert all(3000 <= code < 4000 for code in iana.REGISTERED)
