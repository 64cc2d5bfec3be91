"""What in a head is a credential: names that say so, and values that look it.

A name alone is weak evidence (``token_type``, ``page_token``, ``theme``), so names are taken apart and those that
are known to mean something else are left out; a name that may be an identifier's (``session_id``) needs a value
nobody would choose for one. Nothing here keeps or returns a value: only where it stands, and how long it is.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from analyzer.http.fields import Element, latin
from analyzer.http.head import Field, Head

TOKEN_LENGTH = 16
"""Characters that a random value has at least, where nothing but the value says that it is one."""
PASSED_OVER = frozenset((b"", b"0", b"1", b"true", b"false", b"null", b"none", b"undefined", b"yes", b"no", b"deleted"))
"""Values that keep no secret, whatever the name."""
SCHEMES = frozenset((b"basic", b"bearer", b"digest", b"negotiate", b"ntlm", b"oauth", b"jwt", b"token", b"anonymous"))
"""Values of ``auth`` that name a way, not a key."""

_JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*")
_WORD = re.compile(rb"[A-Za-z0-9._~+/=-]+")
_UUID = re.compile(rb"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_NOT_PLAIN = re.compile(rb"[^a-z0-9]")

_SESSION_COOKIE = re.compile(
    rb"(?<!as)(?<!os)(?<!ob)sess(?!ment)|(?<![a-z])sid(?![a-z])|(?<![a-z])x?auth(?!or(?!i[sz]))|aspxauth|oauth"
    rb"|token|jwt|aspnetcore\.(?:cookies|identity)|wordpress_logged_in|remember_me|api[-_.]?key"
)
_OTHER_COOKIE = re.compile(
    rb"[cx]srf|antiforgery|affinity|sticky|^_hjsession|^ai_session|analytics|^optimizely|consent"
)
"""Not the user's: protection against forgery, load balancing, counting visitors."""

_CREDENTIAL_FIELD = re.compile(rb"authori[sz]ation|token|secret|apikey|password|passwd")
_OTHER_FIELD = re.compile(rb"[cx]srf|tokenbinding|(?:type|expires|expiry|ttl|count|version|id|name|length|method)$")
_REGISTERED_FIELD = re.compile(rb"sec-websocket-|access-control-|sec-fetch-")

_BEARER_PROTOCOL = re.compile(
    rb"(?:^|[.:=_-])(?:bearer|token|jwt|authorization|api[-_]?key|secret|password)[.:=_-]+(.+)", re.IGNORECASE
)
_BEARER_BEFORE = frozenset(
    (b"bearer", b"token", b"accesstoken", b"authtoken", b"authorization", b"auth", b"jwt", b"apikey")
)

CREDENTIAL_PARAMS = frozenset(
    (
        b"token", b"accesstoken", b"authtoken", b"authenticationtoken", b"apitoken", b"idtoken", b"refreshtoken",
        b"sessiontoken", b"securitytoken", b"xamzsecuritytoken", b"usertoken", b"logintoken", b"wstoken",
        b"sockettoken", b"bearertoken", b"jwttoken", b"bearer", b"jwt", b"auth", b"authorization", b"apikey",
        b"xapikey", b"apisecret", b"accesskey", b"secret", b"secretkey", b"clientsecret", b"password", b"passwd",
        b"pwd", b"passphrase",
    )
)  # fmt: skip
"""Names in a query, without what is neither letter nor digit."""
SESSION_PARAMS = frozenset((b"session", b"sessionid", b"sessid", b"phpsessid", b"jsessionid", b"sid", b"authsession"))
"""Likewise, of what may be an identifier as well."""


class Credential(NamedTuple):
    """Where a credential stands, and what it is called."""

    field: Field | None
    """The field it stands in; None: the request target."""
    name: str
    """Of the field, cookie or parameter, as sent."""
    offset: int
    """Stream offset of the value."""
    length: int
    weak: bool = False
    """A session's identifier, which is a credential only as long as the server takes it for one."""

    @property
    def blank(self) -> tuple[int, int]:
        """What evidence must not show."""
        return self.offset, self.length


def is_jwt(value: bytes) -> bool:
    """A JSON Web Token, by its shape (RFC 7519 3)."""
    return _JWT.fullmatch(value) is not None


def is_token_like(value: bytes) -> bool:
    """Long, of letters and digits, and no UUID: what a generator of secrets makes, and nobody types."""
    if is_jwt(value):
        return True
    if len(value) < TOKEN_LENGTH or _WORD.fullmatch(value) is None or _UUID.fullmatch(value) is not None:
        return False
    return any(byte in b"0123456789" for byte in value) and value.lower() != value.upper()


def is_session_cookie(name: bytes, value: bytes) -> bool:
    """A cookie that lets its holder act as the user, by its name."""
    lower = name.lower()
    if value.strip(b'"').lower() in PASSED_OVER - {b"1"}:
        return False
    return _SESSION_COOKIE.search(lower) is not None and _OTHER_COOKIE.search(lower) is None


def in_fields(request: Head) -> Iterator[Credential]:
    """The credentials in a request's fields (RFC 6455 10.5)."""
    for field in request.fields:
        name = field.name.lower()
        if name == b"cookie":
            for cookie, value, offset in cookies(field):
                if is_session_cookie(cookie, value):
                    yield Credential(field, latin(cookie), offset, len(value))
        elif name == b"sec-websocket-protocol":
            continue  # a list, which may go over several fields: `in_protocols`
        elif field.value and is_credential_field(name):
            # The scheme of RFC 9110 11.4 is no secret.
            scheme, blank, rest = field.value.partition(b" ")
            known = bool(blank) and scheme.isalpha()
            offset = field.value_offset + (len(scheme) + 1 if known else 0)
            yield Credential(field, latin(field.name), offset, len(rest) if known else len(field.value))


def is_credential_field(name: bytes) -> bool:
    """A field whose name, in lower case, says that it holds a credential."""
    if _REGISTERED_FIELD.match(name):
        return False
    plain = _NOT_PLAIN.sub(b"", name)
    return _CREDENTIAL_FIELD.search(plain) is not None and _OTHER_FIELD.search(plain) is None


def in_protocols(offered: list[Element], fields: list[Field]) -> Iterator[Credential]:
    """Bearer tokens among the subprotocols, where scripts in browsers can put them: they may set no other field."""
    before, starts = b"", [field.offset for field in fields]
    for element in offered:
        value, at = element.text, element.offset
        match = _BEARER_PROTOCOL.search(value)
        if match is not None and is_token_like(match[1]):
            at += match.start(1)
            value = match[1]
        elif not is_jwt(value) and not (before in _BEARER_BEFORE and is_token_like(value)):
            value = b""
        if value:
            field = fields[bisect_right(starts, at) - 1]
            yield Credential(field, latin(field.name), at, len(value))
        before = _NOT_PLAIN.sub(b"", element.text.lower())


def cookies(field: Field) -> Iterator[tuple[bytes, bytes, int]]:
    """Name, value and the value's stream offset of each cookie of a Cookie field (RFC 6265 4.2.1)."""
    at = field.value_offset
    for pair in field.value.split(b";"):
        name, sign, value = pair.partition(b"=")
        if sign:
            blanks = len(value) - len(value.lstrip())
            yield name.strip(), value.strip(), at + len(name) + 1 + blanks
        at += len(pair) + 1


def in_target(request: Head) -> Iterator[Credential]:
    """The credentials in a request target: by the names in its query, or by the shape of a value anywhere."""
    path, mark, query = request.target.partition(b"#")[0].partition(b"?")
    at = request.target_offset
    for segment in path.split(b"/"):
        if is_jwt(segment):
            yield Credential(None, "path", at, len(segment))
        at += len(segment) + 1
    if not mark:
        return
    socket_io = re.search(rb"(?:^|&)EIO=\d", query) is not None
    for pair in re.split(rb"[&;]", query):
        name, _, value = pair.partition(b"=")
        plain = _NOT_PLAIN.sub(b"", unquote_to_bytes(name).lower())
        decoded = unquote_to_bytes(value)
        weak = plain == b"sid"
        if is_secret_parameter(plain, decoded) or (weak and socket_io and decoded):
            yield Credential(None, latin(name), at + len(name) + 1, len(value), weak)
        at += len(pair) + 1


def is_secret_parameter(name: bytes, value: bytes) -> bool:
    """A parameter of a query whose name, or the shape of whose value, says that it is secret.

    ``name`` is in lower case and without what is neither letter nor digit.
    """
    if is_jwt(value.removeprefix(b"Bearer ")):
        return True
    if value.lower() in PASSED_OVER:
        return False
    if name in SESSION_PARAMS:
        return is_token_like(value)
    if name == b"auth" and value.lower() in SCHEMES:
        return False
    return name in CREDENTIAL_PARAMS
