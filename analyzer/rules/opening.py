"""What the rules of the opening look at: one exchange, with its fields read once.

The exchange says what was captured; this adds what it means. `Opening.judge_request` and `judge_response`
are the gates: where they are false, bytes are missing or another protocol's draft is spoken, and no rule
about that side may fire. `check_opening` runs the rules in the order their precedences need.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import cached_property

from analyzer.http import fields as grammar
from analyzer.http.exchange import (
    SWITCHING,
    Exchange,
    is_hixie76,
    speaks_websocket,
    switched_elsewhere,
    upgrades,
)
from analyzer.http.fields import Element, ExtensionUse
from analyzer.http.head import Field, Head
from analyzer.model import Direction, Role, Severity
from analyzer.rules.faults import Fault
from analyzer.rules.hosts import Address, unpacked_address
from analyzer.rules.registry import Rule

KEY = "Sec-WebSocket-Key"
VERSION = "Sec-WebSocket-Version"
PROTOCOL = "Sec-WebSocket-Protocol"
EXTENSIONS = "Sec-WebSocket-Extensions"
ACCEPT = "Sec-WebSocket-Accept"

STANDARD_VERSION = 13
SAME_FRAMES = (7, 8, STANDARD_VERSION)
"""Versions with the framing of RFC 6455."""

RELAY_FIELDS = (b"via", b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-real-ip")
"""What intermediaries add to a head (RFC 9110 7.6.3, RFC 7239, and what was in use before it)."""

WINS = {"HS-113": ("HS-111",), "HS-208": ("HS-207",), "HS-210": ("HS-209", "HS-211")}
"""Policy P2 inside the opening: of two ids for the same bytes, the one that keeps the other silent."""


class Legacy(Enum):
    """The protocols before RFC 6455."""

    HIXIE_75 = "hixie-75"
    HIXIE_76 = "hixie-76"
    """Also hybi-00 to -03."""
    HYBI = "hybi-04 to -17"
    """Versions 4 to 8, with the opening of RFC 6455 in all but details."""


class Opening:
    """One opening request and its answer, as rules see it."""

    def __init__(self, exchange: Exchange) -> None:
        """Wrap an exchange that is finished."""
        self.exchange = exchange
        self.request: Head | None = exchange.request
        self.response: Head | None = exchange.response
        self.raised: set[str] = set()
        """Ids of the rules already raised for this opening, by either side."""
        self.raised_on_request: set[str] = set()
        """Those of them that are the client's fault."""
        self.defects_of_request: set[str] = set()
        """Those of them again that are errors or warnings; what a request shows to others (SEC) is none."""
        self.errors_of_answer: set[str] = set()
        """Ids of the errors that are the server's fault."""

    @property
    def raised_before(self) -> set[str]:
        """Ids raised for this and the earlier openings of the same TCP connection."""
        return self.exchange.raised_before

    def head(self, side: Direction) -> Head | None:
        """The request or the final response."""
        return self.request if side == "client" else self.response

    def field(self, side: Direction, name: str) -> list[Field]:
        """The fields of that name (any case) in that head, in order; none where there is no head."""
        head = self.head(side)
        return [] if head is None else head.named(name.encode())

    def elements(self, side: Direction, name: str) -> list[Element]:
        """The elements of all fields of that name as one list (RFC 9110 5.3), empty ones left out."""
        lists = [grammar.split_list(field.value, field.value_offset) for field in self.field(side, name)]
        return [element for elements in lists for element in elements if element.text]

    @cached_property
    def subprotocols_offered(self) -> list[Element]:
        """The elements of Sec-WebSocket-Protocol in the request."""
        return self.elements("client", PROTOCOL)

    @cached_property
    def extensions_offered(self) -> tuple[list[ExtensionUse], list[grammar.Fault]]:
        """Sec-WebSocket-Extensions of the request, and where it breaks its grammar."""
        return self._extensions("client")

    @cached_property
    def extensions_accepted(self) -> tuple[list[ExtensionUse], list[grammar.Fault]]:
        """Sec-WebSocket-Extensions of the response, and where it breaks its grammar."""
        return self._extensions("server")

    def _extensions(self, side: Direction) -> tuple[list[ExtensionUse], list[grammar.Fault]]:
        return grammar.parse_extensions((field.value, field.value_offset) for field in self.field(side, EXTENSIONS))

    @cached_property
    def asks(self) -> bool:
        """The request itself asks for WebSocket, by Upgrade or by any Sec-WebSocket-* field.

        Where it does not, and the server switched all the same, the mistake is the server's alone (HS-215).
        """
        request = self.request
        return request is not None and (grammar.lists_websocket(upgrades(request)) or speaks_websocket(request))

    @cached_property
    def version(self) -> int | None:
        """The version asked for, where exactly one well-formed field says it."""
        fields = self.field("client", VERSION)
        return grammar.version_number(fields[0].value) if len(fields) == 1 else None

    @cached_property
    def legacy(self) -> Legacy | None:
        """The earlier protocol this opening belongs to (HS-501 to HS-503), or None."""
        request = self.request
        if request is None:
            return None
        if is_hixie76(request):
            return Legacy.HIXIE_76
        if self.version is not None and 4 <= self.version <= 8:
            return Legacy.HYBI
        bare = not request.named(b"sec-websocket-key") and not request.named(b"sec-websocket-version")
        old_answer = self.field("server", "WebSocket-Origin") or self.field("server", "WebSocket-Location")
        # Without that answer a request without a key is more likely a broken client of today.
        return Legacy.HIXIE_75 if bare and self.asks and old_answer else None

    @property
    def hixie(self) -> bool:
        """A protocol so different that nothing of RFC 6455 applies (ST-015)."""
        return self.legacy in (Legacy.HIXIE_75, Legacy.HIXIE_76)

    @cached_property
    def foreign(self) -> str:
        """Name of the earlier protocol that this opening belongs to, where its frames are not those of RFC 6455."""
        if self.legacy is Legacy.HYBI:
            return "" if self.version in SAME_FRAMES else f"version {self.version}"
        return "" if self.legacy is None else self.legacy.value

    @cached_property
    def judge_request(self) -> bool:
        """The request is here to its last byte, asks for WebSocket, and speaks a version the rules know."""
        return self.exchange.intact_request and self.asks and not self.hixie

    @cached_property
    def judge_response(self) -> bool:
        """The final response is here to its last byte, and answers an opening the rules know."""
        return self.exchange.intact_response and not self.hixie and not self.elsewhere

    @property
    def refused(self) -> bool:
        """The final response is here to its last byte and is no 101: an outcome of HTTP, whatever was asked for."""
        return self.exchange.intact_response and self.status != SWITCHING

    @cached_property
    def elsewhere(self) -> bool:
        """The 101 switches to another protocol that the request listed (ST-016)."""
        if self.request is None or self.response is None:
            return False
        return switched_elsewhere(self.request, self.response)

    @cached_property
    def switching(self) -> bool:
        """The answer is a 101 that can be judged as one to WebSocket."""
        return self.judge_response and self.status == SWITCHING

    @property
    def clear(self) -> bool:
        """Everybody on the path could read it."""
        return not self.exchange.tls

    @cached_property
    def relay_signs(self) -> list[Field]:
        """Fields of either head that an intermediary added: what is missing or odd may be its doing."""
        heads = [head for head in (self.request, self.response) if head is not None]
        return [field for head in heads for field in head.fields if field.name.lower() in RELAY_FIELDS]

    def address(self, side: Direction) -> Address | None:
        """Of the client or the server; None where nobody said."""
        exchange = self.exchange
        if exchange.endpoints is None:
            return None
        packed, _ = exchange.endpoints[exchange.client_side ^ (side == "server")]
        return unpacked_address(packed)

    @property
    def status(self) -> int:
        """Of the final response; 0 where there is none."""
        return 0 if self.response is None else self.response.code

    def __str__(self) -> str:
        return str(self.exchange)


def in_order(rules: Iterable[Rule]) -> list[Rule]:
    """Those of ``rules`` that look at openings, in the order in which `check_opening` has to run them.

    Rules about the client come first, then those about both, then those about the server: a server is at
    fault for accepting what the client got wrong (HS-214), so that must be known.
    """
    order = {Role.CLIENT: 0, Role.BOTH: 1, Role.SERVER: 2, Role.INTERMEDIARY: 3}
    return sorted((rule for rule in rules if rule.subject == Opening.__name__), key=lambda rule: order[rule.role])


def check_opening(opening: Opening, rules: list[Rule]) -> list[tuple[Rule, Fault]]:
    """Run ``rules``, which are in order (`in_order`); what they found, in that order.

    Give all rules here and select among the results: what one found bears on others.
    """
    found: list[tuple[Rule, Fault]] = []
    for rule in rules:
        for fault in rule.check(opening):
            found.append((rule, fault))
            opening.raised.add(rule.id)
            severity = fault.severity or rule.severity
            if rule.role is Role.CLIENT or fault.side == "client":
                opening.raised_on_request.add(rule.id)
                if severity is not Severity.INFO and rule.family != "SEC":
                    opening.defects_of_request.add(rule.id)
            elif severity is Severity.ERROR and (rule.role is Role.SERVER or fault.side == "server"):
                opening.errors_of_answer.add(rule.id)
    silenced = {loser for winner, losers in WINS.items() if winner in opening.raised for loser in losers}
    for ids in (opening.raised, opening.raised_on_request, opening.defects_of_request, opening.errors_of_answer):
        ids -= silenced
    opening.raised_before.update(opening.raised)
    return [(rule, fault) for rule, fault in found if rule.id not in silenced]
