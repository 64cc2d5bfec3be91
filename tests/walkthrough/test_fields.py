"""What header fields are for."""

from __future__ import annotations

from analyzer.walkthrough.fields import MEANINGS, OTHER, meaning


def test_a_field_means_what_it_means_where_it_stands() -> None:
    asked, agreed, refused = (meaning("Sec-WebSocket-Version", place) for place in ("request", "agreement", "refusal"))
    assert "426" in asked
    assert "to try again with" in refused
    assert agreed not in (asked, refused)


def test_every_field_of_the_handshake_says_what_the_other_side_does_and_where_that_is_written() -> None:
    for place in ("request", "agreement"):
        for name, told in MEANINGS[place].items():
            assert "(RFC 6455 " in told, name


def test_other_fields_are_explained_or_said_to_be_no_part_of_it() -> None:
    assert meaning("user-agent", "request").startswith("names the client's software")
    assert meaning("X-Mine", "request") == OTHER
