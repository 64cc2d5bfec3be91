"""The page: what is in the file, and, in a real browser, what a person can do with it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analyzer.model import Input, Record
from analyzer.report.html import page as module
from analyzer.wire.frame import build_frame
from samples import transcript
from tests.browser import Page, browser
from tests.command import wsanalyzer
from tests.report import made
from tests.running import ANSWER, REQUEST, analysed

GALLERY = Path(__file__).parents[3] / "samples" / "violations.pcap"
COMPRESSED = Path(__file__).parents[2] / "captures" / "echo_chromium.pcap"

ATTACKS = (
    "<script>window.hit = 1</script>",
    '"><img src=x onerror="window.hit = 2">',
    "</script><script>window.hit = 3</script>",
    "=cmd|' /C calc'!A0",
    "<!--<script>",
    "' onfocus=window.hit=4 autofocus '",
    "\u202egpj.exe",
    "{{ 7 * 7 }}",
)
ATTACK = " ".join(ATTACKS) + made.HOSTILE


class Elements(HTMLParser):
    """The names of all elements, and all attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs


def hostile() -> list[Record]:
    """A capture all of whose words are attacks."""
    head = made.handshake(0, target="/" + ATTACK, host=ATTACK)
    request = msgspec.structs.replace(head.request, headers=[("Host", ATTACK), (ATTACK, ATTACK)])
    text = ATTACK.encode("utf-8", "surrogateescape")[:120]
    key = bytes.fromhex("37fa213d")
    found = msgspec.structs.replace(
        made.UNMASKED, found=ATTACK, expected=ATTACK, text=ATTACK, header=ATTACK, file=ATTACK, name=ATTACK
    )
    facts = {"payload_length": len(text), "close_reason": ATTACK}
    return [
        msgspec.structs.replace(made.RUN, inputs=[Input(path=ATTACK), Input(path="b")], version=ATTACK),
        msgspec.structs.replace(head, request=request, subprotocol=ATTACK),
        made.frame(3, bytes=build_frame(1, text, key).hex(), **facts),
        made.frame(4, bytes=build_frame(8, b"\x03\xe8" + text[:100], key).hex(), opcode=8, close_code=1000, **facts),
        msgspec.structs.replace(
            made.message(), compressed=True, length=len(text), inflated=text.hex(), payload=msgspec.UNSET
        ),
        found,
        msgspec.structs.replace(found, connection=None, frame=None, stream_offset=None, rule=ATTACK),
        msgspec.structs.replace(made.connection(0, state=ATTACK, reason=ATTACK), client=(ATTACK, 1)),
        msgspec.structs.replace(made.SUMMARY, notes=[ATTACK], limits={ATTACK: 1}, skipped={ATTACK: 1}),
    ]


def block(text: str, name: str) -> Any:
    """The JSON in the element with that id."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.DOTALL)
    assert found, name
    return json.loads(found[1])


def long_connection(frames: int) -> bytes:
    """A capture of one connection with that many frames of the client, and one that breaks a rule at the end."""
    lines = [REQUEST, ANSWER]
    lines += ["client: 81 85 37 fa 21 3d 7f 9f 4d 51 58"] * frames
    return transcript.capture("\n".join([*lines, "client: 81 05 48 65 6c 6c 6f"]))


# --- the file


def test_a_story_is_harmless_text() -> None:
    text = made.rendered("html", made.STORY)
    made.assert_harmless(text)
    assert "8 errors" in re.sub("<[^>]*>", "", text)
    assert len(block(text, "data")["findings"]) == 7


def test_nothing_of_what_strangers_sent_is_markup() -> None:
    text = made.rendered("html", hostile())
    made.assert_harmless(text)
    clean = Elements(made.rendered("html", made.STORY))
    found = Elements(text)
    assert set(found.names) <= set(clean.names) | {"br"}
    assert found.names.count("script") == 3
    assert not [name for name, _ in found.attributes if name.startswith("on") or name == "style"]
    assert not [value for name, value in found.attributes if name in ("src", "href") and value != "data:,"]
    assert "49" not in text[text.index("<body>") : text.index("</header>")]


def test_the_policy_lets_only_this_script_and_style_run() -> None:
    text = made.rendered("html", made.STORY)
    match = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert match
    policy = unescape(match[1])
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for element in ("script", "style"):
        (inside,) = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    assert not re.search(r"(?:src|href|action)=\"(?!data:,\")", text)
    assert "@import" not in text
    assert "url(" not in text


def test_an_interrupted_run_says_so() -> None:
    assert "did not come to its end" in made.rendered("html", made.STORY[:4])


def test_limits_are_stated_and_counted(monkeypatch) -> None:
    monkeypatch.setattr(module, "FRAMES", 2)
    monkeypatch.setattr(module, "DIAGRAMS", 1)
    frames = [made.frame(index) for index in range(5)]
    findings = [made.UNMASKED, made.NO_VERSION, made.NO_PONG]
    others = [made.connection(number) for number in range(3)]
    text = made.rendered("html", [*frames, *findings, *others, made.SUMMARY], kept_findings=1, kept_connections=2)
    notes = text[text.index('id="notes"') : text.index("</details>")]
    assert "4 findings more than the 1 in the table (kept_findings)" in notes
    assert "1 connection more than the 2 in the table (kept_connections)" in notes
    assert "Diagrams and charts of the first 1 connections only" in notes
    assert "3 frames beyond the first 2 of a connection" in notes
    assert [row["kind"] for row in block(text, "diagram-0")["rows"]].count("frame") == 2
    assert "diagram-1" not in text


def test_a_result_without_frames_or_bytes_says_so() -> None:
    assert "The result holds no frames" in made.rendered("html", [made.connection(0), made.CLEAN])
    text = made.rendered("html", [made.frame(), made.connection(0), made.CLEAN])
    assert "The result holds no bytes of frames" in text
    assert "holds no frames" not in text


def test_the_command_asks_for_what_the_page_shows(tmp_path: Path) -> None:
    done = wsanalyzer("analyze", GALLERY, "-o", "report.html", folder=tmp_path)
    assert done.returncode == 1, done.stderr.decode()
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    rows = [row for name in re.findall(r'id="(diagram-\d+)"', text) for row in block(text, name)["rows"]]
    frames = [row for row in rows if row["kind"] == "frame"]
    assert len(frames) > 100
    assert all("bytes" in row for row in frames)
    assert {"request", "response", "frame", "finding", "end"} <= {row["kind"] for row in rows}


def test_a_stored_result_becomes_a_page(tmp_path: Path) -> None:
    wsanalyzer("analyze", GALLERY, "-o", "r.jsonl", folder=tmp_path)
    done = wsanalyzer("report", "r.jsonl", "-f", "html", folder=tmp_path)
    assert done.returncode == 1, done.stderr.decode()
    assert "The result holds no frames" in done.stdout.decode()
    wsanalyzer("analyze", GALLERY, "--records", "all", "-o", "r.jsonl", folder=tmp_path)
    done = wsanalyzer("report", "r.jsonl", "-f", "html", folder=tmp_path)
    assert "The result holds no bytes of frames" in done.stdout.decode()


def test_redacted_payloads_are_blank(tmp_path: Path) -> None:
    wsanalyzer("analyze", GALLERY, "--redact", "-o", "report.html", folder=tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    shown = re.findall(r'"text":"([^"]*)"', "".join(re.findall(r'"kind":"frame"[^}]*', text)))
    assert shown
    assert set("".join(shown)) == {"*"}


# --- in a browser


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with browser() as page:
        yield page


def opened(tab: Page, path: Path, text: str) -> Page:
    path.write_text(text, encoding="utf-8")
    tab.trouble.clear()
    tab.requests.clear()
    tab.open(path)
    return tab


def assert_quiet(tab: Page, path: Path) -> None:
    """No complaint, and no request but for the page itself."""
    assert tab.trouble == []
    assert tab.requests == [path.resolve().as_uri()]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    wsanalyzer("analyze", GALLERY, "-o", "report.html", folder=folder)
    return folder / "report.html"


def test_a_person_finds_a_frame_by_rule(tab: Page, gallery: Path) -> None:
    tab.trouble.clear()
    tab.requests.clear()
    tab.open(gallery)
    everything = len(tab.texts("#findings tbody tr"))
    tab.fill("#filter-rule", "TX-001")
    rows = tab.texts("#findings tbody tr")
    assert 0 < len(rows) < everything
    assert all("TX-001" in row for row in rows)
    tab.click("#findings tbody tr")
    names = tab.texts("#detail .field td:first-child")
    assert names == [*("FIN", "RSV1", "RSV2", "RSV3", "opcode", "MASK", "payload length", "masking key", "payload")]
    colours = tab.value(
        "[...document.querySelectorAll('#detail .field td:first-child')]"
        ".map((cell) => getComputedStyle(cell).backgroundColor)"
    )
    assert len(set(colours)) == 7  # the three RSV bits share one
    assert tab.value("document.querySelectorAll('#detail .hex .mark').length") > 0
    assert "Payload, unmasked" in tab.texts("#detail h3")
    assert tab.texts("#payload-text") != [""]
    assert "must fail the connection" in tab.texts("#detail .finding .prose")[0]
    assert_quiet(tab, gallery)


def test_the_unmasked_text_of_a_masked_frame(tab: Page, gallery: Path) -> None:
    tab.open(gallery)
    tab.fill("#filter-rule", "MK-002")
    tab.click("#findings tbody tr")
    assert tab.texts("#payload-text") == ["Hello"]
    assert any("server frame 0: text, 5 bytes" in text for text in tab.texts("#detail h3"))
    assert tab.texts(".row[aria-selected=true] .badge") == ["MK-002"]


def test_the_address_may_name_a_rule(tab: Page, gallery: Path) -> None:
    for fragment, rules in (("MK-002", {"MK-002"}), ("TX-001", {"TX-001"}), ("<b>%nothing", None)):
        tab.open(gallery)  # else only the fragment changes, and nothing is loaded
        tab.value(f"location.hash = {json.dumps(fragment)}")
        tab.value("new Promise((done) => setTimeout(done, 50))")
        tab.call("Page.reload")
        tab.value("new Promise((done) => setTimeout(done, 500))")
        shown = set(tab.texts("#findings tbody td:nth-child(2)"))
        assert shown == rules if rules else len(shown) > 20
        if rules:
            assert rules <= set(tab.texts(".row[aria-selected=true] .badge"))
    assert tab.trouble == []


@pytest.mark.parametrize("redacted", [False, True])
def test_the_text_of_a_compressed_message(tab: Page, tmp_path: Path, redacted: bool) -> None:
    path = tmp_path / "report.html"
    options = ["--redact"] if redacted else []
    wsanalyzer("analyze", COMPRESSED, "--isolated", *options, "-o", path, folder=tmp_path)
    text = "WebSocket rocks"
    assert (text.encode().hex() in path.read_text(encoding="utf-8")) is not redacted
    tab.open(path)
    labels = tab.texts(".row .text")
    assert any("compressed" in label for label in labels)
    (first, *_) = (at for at, label in enumerate(labels) if "compressed" in label)
    tab.value(f"document.querySelectorAll('.row')[{first}].click()")
    assert "Inflated" in tab.texts("#detail h3")
    assert tab.value("document.querySelector('#detail pre[aria-label=\"Payload, inflated\"]').textContent") != ""
    (shown,) = tab.texts("#payload-text")
    assert shown == ("*" * len(text) if redacted else text)


@pytest.mark.parametrize(
    ("field", "value", "column", "expected"),
    [
        ("#filter-text", "unmasked-client", 2, "MK-001"),
        ("#filter-connection", "73", 3, "73"),
        ("#filter-direction", "server", 4, "server"),
    ],
)
def test_filters(tab: Page, gallery: Path, field: str, value: str, column: int, expected: str) -> None:
    tab.open(gallery)
    tab.fill(field, value)
    assert set(tab.texts(f"#findings tbody td:nth-child({column})")) == {expected}


def test_severities_and_sorting(tab: Page, gallery: Path) -> None:
    tab.open(gallery)
    tab.click("#filter-error")
    assert set(tab.texts("#findings tbody td:first-child")) == {"warning"}
    tab.click("#findings th:nth-child(6) button")
    packets = [int(text) for text in tab.texts("#findings tbody td:nth-child(6)") if text]
    assert packets == sorted(packets)
    tab.click("#findings th:nth-child(6) button")
    assert tab.value("document.querySelector('#findings th:nth-child(6)').getAttribute('aria-sort')") == "descending"
    tab.click("#filters button[type=reset]")
    tab.value("new Promise((done) => setTimeout(done, 50))")
    assert "error" in set(tab.texts("#findings tbody td:first-child"))


def test_the_keyboard_is_enough(tab: Page, gallery: Path) -> None:
    tab.open(gallery)
    tab.fill("#filter-rule", "MK-001")
    tab.value("document.querySelector('#findings tbody tr[tabindex=\"0\"]').focus()")
    tab.press("ArrowDown")
    second = tab.focused()
    tab.press("ArrowUp")
    assert tab.focused() != second
    tab.press("ArrowDown")
    tab.press("Enter")
    assert "MK-001" in tab.focused()
    assert tab.value("document.activeElement.className") == "row"
    here = tab.focused()
    tab.press("ArrowUp")
    assert "101 Switching Protocols" in tab.focused()
    assert "HTTP/1.1 101" in tab.texts("#detail .head-lines")[0]
    tab.press("ArrowDown")
    assert tab.focused() == here
    tab.press("Enter")
    assert tab.value("document.activeElement.id") == "detail"
    tab.press("Escape")
    assert tab.focused() == here
    tab.press("Escape")
    assert tab.focused() == second
    assert tab.trouble == []


def test_hostile_words_stay_words(tab: Page, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    opened(tab, path, made.rendered("html", hostile()))
    for row in range(len(tab.texts("#findings tbody tr"))):
        tab.value(f"document.querySelectorAll('#findings tbody tr')[{row}].click()")
        made.assert_harmless(tab.value("document.body.innerText").replace("\t", " "))
    for row in range(len(tab.texts("#connections tbody tr"))):
        tab.value(f"document.querySelectorAll('#connections tbody tr')[{row}].click()")
        for at in range(len(tab.texts(".row"))):
            tab.value(f"document.querySelectorAll('.row')[{at}].click()")
            shown = tab.value("document.body.innerText").replace("\t", " ")
            made.assert_harmless(shown)
            assert "\\u202egpj.exe" in shown
    assert tab.value("typeof window.hit") == "undefined"
    assert tab.value("document.querySelectorAll('img, iframe, object, embed').length") == 0
    assert tab.value("document.querySelectorAll('script').length") == 3
    assert_quiet(tab, path)


def test_a_long_connection_keeps_the_page_small(tab: Page, tmp_path: Path) -> None:
    frames = 10_500
    path = tmp_path / "long.html"
    records = analysed(long_connection(frames), frame_bytes=64)
    opened(tab, path, made.rendered("html", records))
    assert f"{frames + 1 - module.FRAMES} frames beyond the first {module.FRAMES}" in tab.texts("#notes")[0]
    tab.fill("#filter-rule", "MK-001")
    tab.click("#findings tbody tr")
    assert "MK-001" in tab.texts("#detail .finding h3")[0]
    nodes = tab.value("document.querySelectorAll('*').length")
    assert nodes < 5000
    took = tab.value(
        "(() => { const start = performance.now(); document.querySelectorAll('.row')[5].click();"
        " document.body.offsetHeight; return performance.now() - start; })()"
    )
    assert took < 5000, "milliseconds; a page that lays everything out anew takes longer"
    assert tab.value("document.querySelectorAll('*').length") < 5000
    assert tab.texts(".row")
    assert_quiet(tab, path)


def test_light_dark_and_paper_are_readable(tab: Page, gallery: Path) -> None:
    tab.open(gallery)
    seen = set()
    for scheme in ("light", "dark"):
        tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        seen.add(tab.value("getComputedStyle(document.body).backgroundColor"))
    assert len(seen) == 2
    tab.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "light"}])
    assert tab.value("getComputedStyle(document.querySelector('#filters')).display") == "none"
    assert len(tab.call("Page.printToPDF")["data"]) > 1000
    tab.call("Emulation.setEmulatedMedia", media="", features=[])
