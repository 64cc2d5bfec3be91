"""What compression did."""

from __future__ import annotations

import zlib
from pathlib import Path

from analyzer.walkthrough import compression
from analyzer.walkthrough.story import walkthrough
from tests.walkthrough import stories, telling

TITLE = "What the compression did"


def test_a_message_is_inflated_in_view_and_the_saving_reckoned(tmp_path: Path) -> None:
    conversation = "extensions: permessage-deflate\nserver: c1 07 f2 48 cd c9 c9 07 00\nserver: c1 05 f2 00 11 00 00"
    story = telling.section(telling.told(tmp_path, conversation), TITLE)
    assert "server frame 0, 7 bytes f2 48 cd c9 c9 07 00 with 00 00 ff ff after it, inflated to 5 bytes" in story
    assert "48 65 6c 6c 6f H e l l o" in story
    assert "server frame 0 8 5 7 -40 % 7" in story
    assert "server frame 1 10 5 5 0 % 7" in story, "RFC 7692 7.2.3.2: the second Hello refers to the first"
    assert "2 compressed messages, 10 bytes to the application, 12 in frames: -20 % saved" in story


def test_the_window_of_earlier_messages_shows() -> None:
    """Of the recorded conversation: 81 bytes sent as 9, where zlib alone needs 68."""
    (story, *_) = stories.written("compressed").values()
    assert "  server frame 1      10    81        9    89 %     68" in story


def test_alone_is_what_zlib_says() -> None:
    plain = b"Hello, Hello, Hello"
    inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    sent = (deflate.compress(plain) + deflate.flush(zlib.Z_SYNC_FLUSH))[: -len(compression.TAIL)]
    assert compression.alone(plain) == len(sent)
    assert inflate.decompress(sent + compression.TAIL) == plain


def test_without_compression_it_is_left_out(tmp_path: Path) -> None:
    assert TITLE not in telling.flat(telling.told(tmp_path, "server: 81 00"))


def test_redacted_it_shows_no_payload(tmp_path: Path) -> None:
    conversation = "extensions: permessage-deflate\nserver: c1 07 f2 48 cd c9 c9 07 00"
    story = telling.section(walkthrough([telling.capture(tmp_path, conversation)], None, redact=True), TITLE)
    assert "f2 48" not in story
    assert "48 65" not in story
