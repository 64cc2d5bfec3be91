"""EX-111 to EX-118: the answer against every offer."""

from __future__ import annotations

from itertools import product

import pytest

from tests.rules.judging import ids, judge
from tests.rules.test_extensions import talk

PMD = "permessage-deflate"


def rules(offers: list[str], answer: str) -> list[str]:
    offer = ", ".join(f"{PMD}; {params}" if params else PMD for params in offers)
    return ids(talk(offer, f"{PMD}; {answer}" if answer else PMD), "EX-0", "EX-1")


@pytest.mark.parametrize(
    ("offers", "answer", "expected"),
    [
        ([""], "client_no_context_takeover; server_no_context_takeover; server_max_window_bits=8", []),
        ([""], "client_max_window_bits=15", ["EX-114"]),
        (["client_max_window_bits"], "client_max_window_bits=8", []),
        (["client_max_window_bits=10"], "client_max_window_bits=11", ["EX-118"]),
        (["client_max_window_bits=10", "client_max_window_bits"], "client_max_window_bits=11", []),
        (["server_max_window_bits=10"], "", ["EX-116"]),
        (["server_max_window_bits=10", ""], "", []),
        (["server_max_window_bits=15"], "", []),
        (["server_max_window_bits=10"], "server_max_window_bits=11", ["EX-115"]),
        (["server_no_context_takeover"], "", ["EX-117"]),
        (["server_no_context_takeover; server_max_window_bits=9"], "", ["EX-116", "EX-117"]),
        # fits none: the offer with fewer errors tells what is wrong
        (["server_no_context_takeover; server_max_window_bits=9", "server_no_context_takeover"], "", ["EX-117"]),
        # some offer permits the client's window, so the answer is none that sets it unasked
        (["", "client_max_window_bits; server_max_window_bits=9"], "client_max_window_bits=9", ["EX-116"]),
        # an invalid offer cannot be what was meant
        (["nonsense; client_max_window_bits", ""], "client_max_window_bits=9", ["EX-101", "EX-114"]),
        # one defect, one finding
        ([""], "client_max_window_bits", ["EX-112"]),
        (["server_max_window_bits=9"], "server_max_window_bits=16", ["EX-112"]),
        ([""], "level=1; level=2", ["EX-113"]),
        ([""], "server_max_window_bits=99; server_max_window_bits=9", ["EX-113"]),
    ],
)
def test_answers(offers: list[str], answer: str, expected: list[str]) -> None:
    assert rules(offers, answer) == expected


BITS = ["", "client_max_window_bits", "client_max_window_bits=9", "client_max_window_bits=12"]
DEMANDS = ["", "server_max_window_bits=10", "server_no_context_takeover"]


@pytest.mark.parametrize("offer", ["; ".join(filter(None, pair)) for pair in product(BITS, DEMANDS)])
def test_an_offer_taken_to_the_letter_fits(offer: str) -> None:
    answer = offer if not offer.startswith("client_max_window_bits") or "bits=" in offer.split(";")[0] else ""
    if not answer and "server" in offer:
        answer = offer.partition("; ")[2]
    assert rules(["server_max_window_bits=8; server_no_context_takeover", offer], answer) == []


def test_what_is_wrong_is_shown_where_it_stands() -> None:
    (finding,) = judge(talk(PMD, f"foo, {PMD}; client_max_window_bits=9"), "EX-114")
    assert finding.evidence is not None
    start, length = finding.evidence.mark
    assert bytes.fromhex(finding.evidence.hex)[start : start + length] == b"client_max_window_bits=9"
    (finding,) = judge(talk(f"{PMD}; server_no_context_takeover", PMD), "EX-117")
    assert finding.evidence is not None
    start, length = finding.evidence.mark
    assert bytes.fromhex(finding.evidence.hex)[start : start + length] == PMD.encode()
