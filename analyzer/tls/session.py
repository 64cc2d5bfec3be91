"""One TLS connection: both directions, what their handshake agreed on, and the keys the key log has for it.

Nothing of the key exchange is computed. The hellos give the version, the cipher suite and the random values; the
client's names the secrets in the key log. TLS 1.3 goes through keys by purpose (0-RTT, handshake, application, each
KeyUpdate); TLS 1.2 changes them where ChangeCipherSpec says so, and again in a renegotiation. Which side is the
client shows in who sends which hello.
"""

from __future__ import annotations

from enum import IntEnum
from importlib.util import find_spec

from analyzer.tcp import streams
from analyzer.tls import handshake
from analyzer.tls import keylog as labels
from analyzer.tls.half import APPLICATION, EARLY, HANDSHAKE, Half, Out, Piece
from analyzer.tls.handshake import ClientHello, ServerHello
from analyzer.tls.keylog import KeyLog, Resumption
from analyzer.tls.protection import Opener, Protection13, master_12, openers_12
from analyzer.tls.suites import TLS_1_2_SUITES, TLS_1_3_SUITES
from analyzer.wire import tls


class Reason(IntEnum):
    """Why a connection is not decrypted."""

    NO_KEYS = 0
    NO_SECRET = 1
    NO_HANDSHAKE = 2
    VERSION = 3
    SUITE = 4
    WRONG_SECRET = 5
    NOT_INSTALLED = 6
    LIMIT = 7
    SSL_3 = 8
    TLS_1_0 = 9
    TLS_1_1 = 10


WORDS = {
    Reason.NO_KEYS: "no keys given",
    Reason.NO_SECRET: "no secret in the key log",
    Reason.NO_HANDSHAKE: "handshake not captured whole",
    Reason.VERSION: "not TLS 1.2 or 1.3",
    Reason.SSL_3: "SSL 3.0, which is not decrypted",
    Reason.TLS_1_0: "TLS 1.0, which is not decrypted",
    Reason.TLS_1_1: "TLS 1.1, which is not decrypted",
    Reason.SUITE: "cipher suite not supported",
    Reason.WRONG_SECRET: "records do not authenticate under the key log's secret",
    Reason.NOT_INSTALLED: "the package cryptography is not installed",
    Reason.LIMIT: "a limit was reached",
}

EARLY_DATA = "early data (0-RTT) not decrypted, its secret is not in the key log"
"""Said of a connection of which the rest may well be decrypted."""
_OLD = {tls.SSL_3: Reason.SSL_3, tls.TLS_1_0: Reason.TLS_1_0, tls.TLS_1_1: Reason.TLS_1_1}

_PLAIN = (tls.CLIENT_HELLO, tls.SERVER_HELLO, tls.NEW_SESSION_TICKET)
_EXCHANGE = range(256)
"""All of a handshake: a master secret may have to be computed from it."""
_INSIDE = (tls.ENCRYPTED_EXTENSIONS,)


class Session:
    """One connection. Rows and bytes go to ``out``."""

    __slots__ = (
        "_agreed", "_client", "_exchange", "_hello", "_hello_place", "_keylog", "_master", "_pending", "_resumption",
        "_server_hello", "_tls13", "early_accepted", "halves", "out", "over", "ready",
    )  # fmt: skip

    def __init__(self, slot: int, offsets: tuple[int, int], keylog: KeyLog, resumption: Resumption, out: Out) -> None:
        """TLS begins at ``offsets`` of the two directions' streams."""
        self.halves = (Half(2 * slot, offsets[0]), Half(2 * slot + 1, offsets[1]))
        self.out = out
        self.over = False
        self.ready = False
        """The hellos are known, and so are the keys."""
        self.early_accepted: bool | None = None
        self._keylog = keylog
        self._resumption = resumption
        self._client: Half | None = None
        self._hello: ClientHello | None = None
        self._hello_place = out.place
        self._server_hello: ServerHello | None = None
        self._tls13 = False
        self._pending: tuple[Opener, Opener] | None = None
        self._master = b""
        self._agreed: bytes | None = None
        """The master secret, where it was computed from a premaster secret."""
        self._exchange: list[tuple[bool, bytes]] | None = [] if keylog.premasters else None
        """Messages of the handshake so far, and whether the server's, as long as one may be needed for that."""

    @property
    def held(self) -> int:
        """Bytes of memory that wait."""
        exchange = sum(len(message) for _, message in self._exchange or ())
        return self.halves[0].held + self.halves[1].held + exchange

    # --- what the caller does

    def data(self, side: int, data: bytes | memoryview, piece: Piece) -> None:
        """The next bytes of one side."""
        half, other = self.halves[side], self.halves[1 - side]
        half.add(data, piece)
        half.work(self, self.out)
        for waiting in (other, half, other):
            if waiting.blocked and not self.over:
                waiting.blocked = False
                waiting.work(self, self.out)

    def lose(self, side: int, length: int) -> None:
        """Bytes of one side are missing."""
        if not self.ready:
            self.fail(Reason.NO_HANDSHAKE)
            return
        half = self.halves[side]
        self.out.row(streams.TLS, half.direction, half.plain, streams.WITHHELD, length)
        if half.opener is None:
            self._protect(half)
        half.lose(length, self.out)

    def end(self, side: int) -> None:
        """One side sends no more."""
        if not self.over:
            self.halves[side].flush(self.out)

    def close(self) -> None:
        """The connection is over."""
        if self.over:
            return
        if not any(half.proved for half in self.halves):
            tried = any(half.failures for half in self.halves)
            self.fail(Reason.WRONG_SECRET if tried else Reason.NO_HANDSHAKE)
            return
        for half in self.halves:
            half.flush(self.out)

    def fail(self, reason: Reason) -> None:
        """Follow it no further."""
        if not self.over:
            self.over = True
            self.out.row(streams.TLS, self.halves[0].direction, 0, streams.FAILED, reason)

    # --- what halves ask

    def waits(self, half: Half, kind: int) -> bool:
        """See `half.Work`."""
        if half.opener is None:
            # Between a HelloRetryRequest and the ServerHello it means nothing (RFC 8446 D.4).
            dummy = self._hello is not None and half is not self._client and self._server_hello is None
            held = kind == tls.APPLICATION_DATA or (kind == tls.CHANGE_CIPHER_SPEC and not dummy)
            return held and not self.ready
        undecided = self.early_accepted is None and self.halves[half is self.halves[0]].epoch != APPLICATION
        return half.epoch == EARLY and undecided and kind == tls.APPLICATION_DATA

    def passes_over(self, kind: int) -> bool:
        """See `half.Work`."""
        return self._tls13 and kind != tls.APPLICATION_DATA

    def plain_record(self, half: Half, kind: int, body: bytes) -> None:
        """See `half.Work`."""
        if kind == tls.HANDSHAKE:
            for message, content in half.messages.feed(body, _PLAIN if self._exchange is None else _EXCHANGE):
                self._message(half, message, content)
        elif kind == tls.CHANGE_CIPHER_SPEC and self.ready:
            self._protect(half)

    def inside(self, half: Half, kind: int, data: bytes) -> None:
        """See `half.Work`."""
        if kind == tls.CHANGE_CIPHER_SPEC:
            if not self._tls13:
                self._protect(half)
            return
        for message, content in half.messages.feed(data, _INSIDE if self._tls13 else _PLAIN):
            if not self._tls13:
                self._message(half, message, content)
            elif message == tls.ENCRYPTED_EXTENSIONS and half.epoch == HANDSHAKE:
                self.early_accepted = handshake.accepts_early_data(content)
            elif message == tls.END_OF_EARLY_DATA and half.epoch == EARLY:
                half.next_epoch()
            elif message == tls.FINISHED and half.epoch == HANDSHAKE:
                half.next_epoch()
                if half is not self._client and self.early_accepted is None:
                    self.early_accepted = True  # nobody said otherwise
            elif message == tls.KEY_UPDATE and half.epoch == APPLICATION:
                half.update()

    def early(self, half: Half) -> bool:
        """See `half.Work`."""
        early = self._tls13 and half is self._client and self._hello is not None and self._hello.early_data
        return early and not half.proved

    def broken(self) -> None:
        """See `half.Work`."""
        self.fail(Reason.NO_HANDSHAKE)

    def hopeless(self) -> None:
        """See `half.Work`."""
        if not any(half.proved for half in self.halves):
            self.fail(Reason.WRONG_SECRET)

    # --- the handshake

    def _message(self, half: Half, kind: int, body: bytes) -> None:
        if self._exchange is not None:
            self._exchanged(half, kind, body)
        if kind == tls.CLIENT_HELLO:
            hello = handshake.client_hello(body)
            if hello is None:
                self.fail(Reason.NO_HANDSHAKE)
                return
            if self._hello is None:
                self._hello_place = self.out.place
            else:
                self._server_hello = None if self.ready else self._server_hello
            self._client, self._hello = half, hello
        elif kind == tls.SERVER_HELLO:
            answer = handshake.server_hello(body)
            if answer is None:
                return
            self._server_hello = answer
        elif kind == tls.CLIENT_KEY_EXCHANGE:
            if self.ready or self._exchange is None:
                return
            self._premaster(body)
        elif kind == tls.NEW_SESSION_TICKET:
            if self._master:
                self._resumption.remember(handshake.ticket(body), self._master)
            return
        else:
            return
        if self._hello is not None and self._server_hello is not None:
            self._begin(self._hello, self._server_hello)

    def _begin(self, hello: ClientHello, answer: ServerHello) -> None:
        """Both hellos are there: find the keys."""
        if not self._keylog.given:
            reason: Reason | None = Reason.NO_KEYS
        elif find_spec("cryptography") is None:
            reason = Reason.NOT_INSTALLED
        elif answer.version == tls.TLS_1_3:
            reason = self._begin_13(hello, answer)
        elif answer.version == tls.TLS_1_2:
            reason = self._begin_12(hello, answer)
        else:
            reason = _OLD.get(answer.version, Reason.VERSION)
        if reason is Reason.NO_SECRET and self._exchange and answer.version == tls.TLS_1_2:
            return  # the ClientKeyExchange may name one
        if reason is not None:
            self.fail(reason)
            return
        if not self.ready:
            self.ready = True
            self._exchange = None
            out = self.out
            place, out.place = out.place, (*self._hello_place[:4], out.place[4])
            out.row(streams.TLS, self.halves[0].direction, 0, streams.SECURED, int(hello.names_server))
            out.place = place

    def _begin_13(self, hello: ClientHello, answer: ServerHello) -> Reason | None:
        suite = TLS_1_3_SUITES.get(answer.suite)
        if suite is None:
            return Reason.SUITE
        if self.ready:
            return None  # TLS 1.3 has one handshake
        secrets = [self._keylog.find(label, hello.random) for label in labels.APPLICATION]
        if secrets[0] is None or secrets[1] is None:
            return Reason.NO_SECRET
        self._tls13 = True
        for half in self.halves:
            role = int(half is not self._client)
            secret = self._keylog.find(labels.HANDSHAKE[role], hello.random)
            early = self._keylog.find(labels.EARLY, hello.random) if hello.early_data and not role else None
            secret_0 = secrets[role]
            assert secret_0 is not None, "looked for above"
            half.epochs = [
                (epoch, Protection13(suite, each))
                for epoch, each in ((EARLY, early), (HANDSHAKE, secret), (APPLICATION, secret_0))
                if each is not None
            ]
            half.next_epoch()
        return None

    def _begin_12(self, hello: ClientHello, answer: ServerHello) -> Reason | None:
        suite = TLS_1_2_SUITES.get(answer.suite)
        if suite is None:
            return Reason.SUITE
        master = self._keylog.find(labels.MASTER, hello.random) or self._agreed
        if master is None and answer.session and answer.session == hello.session:
            master = self._resumption.find([hello.ticket, hello.session])
            self._exchange = None  # nothing is exchanged in a resumed session
        if master is None:
            return Reason.NO_SECRET
        self._master = master
        self._resumption.remember(answer.session, master)
        self._pending = openers_12(suite, master, hello.random, answer.random, mac_last=answer.mac_last)
        return None

    def _exchanged(self, half: Half, kind: int, body: bytes) -> None:
        """Keep a message of the handshake."""
        assert self._exchange is not None, "kept for nothing"
        if kind == tls.CLIENT_HELLO:
            self._exchange.clear()
        self._exchange.append((half is not self._client and kind != tls.CLIENT_HELLO, handshake.message(kind, body)))

    def _premaster(self, body: bytes) -> None:
        """The ClientKeyExchange: it may name a premaster secret in the key log."""
        hello, answer, exchange = self._hello, self._server_hello, self._exchange or []
        self._exchange = None
        suite = None if answer is None else TLS_1_2_SUITES.get(answer.suite)
        if hello is None or answer is None or suite is None:
            return
        secret = self._keylog.find(labels.PREMASTER, hello.random)
        if secret is None:
            encrypted = handshake.encrypted_premaster(body)
            secret = self._keylog.find(labels.RSA, encrypted[: labels.RSA_NAME])
        if secret is None:
            return
        messages = None
        if answer.extended:  # in the order in which they were sent, however they were captured
            own = [message for server, message in exchange if not server]
            messages = b"".join([*own[:1], *(message for server, message in exchange if server), *own[1:]])
        self._agreed = master_12(suite, secret, hello.random, answer.random, messages)

    def _protect(self, half: Half) -> None:
        """From the next record on, ``half`` uses the keys agreed on last."""
        if self._pending is not None:
            half.opener = self._pending[half is not self._client]
            half.number = 0
            half.epoch = APPLICATION
