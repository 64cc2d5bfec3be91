"""tshark's view of a capture, through pyshark: every WebSocket frame it decodes, as plain values.

pyshark finds tshark, starts it and gives its version; here its layers become `Seen`. Of its modes only PDML gives
every frame: the JSON ones lose or refuse the second frame of a packet. PDML is slow (500 packets a second), so
tshark is told to print the packets that hold frames only.

What has to be known about the values (tshark 4.0 to 4.6):
- The packet is the one that completed the frame. Without ``tcp.reassemble_out_of_order`` frames in segments that
  came out of order are lost.
- ``payload_length`` is the 7-bit value; the length is in ``ext_64`` or ``ext_16`` where there is one.
- Booleans are 1 and 0, or True and False. ``show`` is cut and translated for people: bytes come from ``value``.
- The text of a message stands with its last frame, put together and inflated; other payloads are not given.
"""

from __future__ import annotations

import asyncio
import configparser
import subprocess
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from analyzer.errors import InputError, MissingDependencyError

PREFERENCES = {"tcp.reassemble_out_of_order": "TRUE", "ipv6.tso_support": "TRUE"}
"""The second: a payload length of 0 is one that the network card was to fill in, as it is for IPv4 without asking."""
LAYERS = "frame ip ipv6 tcp websocket"
"""Protocols that tshark prints in full; the rest of a packet is nothing that is looked at here."""
PORTS = 100
"""Ports that are named to tshark, at most: each is an argument of its command line."""
PATIENCE = 10
"""Seconds tshark is given to end after the last line of its output."""


class Seen(msgspec.Struct, frozen=True):
    """One frame as a decoder saw it: tshark's, or ours in the same terms."""

    stream: int
    """Number of the TCP stream, as tshark counts."""
    source: tuple[str, int]
    """Address and port of the sender."""
    packet: int
    """The one that completed the frame."""
    fin: bool
    rsv: int
    """RSV1 to RSV3 as one number, RSV1 the most significant bit."""
    opcode: int
    masked: bool
    masking_key: str | None
    """Hex; None where there is none."""
    payload_length: int
    close_code: int | None = None
    close_reason: str | None = None
    text: bytes | None = None
    """Of the text message that this frame ends: its whole payload, unmasked and inflated. None where not told."""


def versions() -> tuple[str, str]:
    """Of tshark and of pyshark. Raises MissingDependencyError where either is not there."""
    from importlib.metadata import version

    from_pyshark = _pyshark().tshark.tshark
    try:
        tshark = str(from_pyshark.get_tshark_version())
    except from_pyshark.TSharkNotFoundException:
        raise MissingDependencyError(
            "tshark is not installed; it comes with Wireshark (Debian, Ubuntu: apt install tshark)"
        ) from None
    except configparser.Error:
        raise MissingDependencyError(
            "config.ini in this folder: pyshark looks there for the path of tshark and finds none; run it elsewhere"
        ) from None
    except (OSError, subprocess.CalledProcessError, from_pyshark.TSharkVersionException) as error:
        raise MissingDependencyError(f"tshark does not tell its version: {_one_line(error)}") from None
    return tshark, version("pyshark")


def frames(capture: Path, keylog: str, ports: Collection[int], notes: list[str]) -> Iterator[Seen]:
    """The frames of ``capture`` in tshark's order. No process is left behind, however the iteration ends.

    ``ports`` are those where HTTP is spoken in the clear: elsewhere than on port 80 tshark recognises it by the first
    segment, and not where that holds less than a request line. What tshark says about a file that it could read in
    part only is added to ``notes``. Raises InputError where it could not read it at all, MissingDependencyError.
    """
    how = {
        "display_filter": "websocket",
        "override_prefs": PREFERENCES | ({"tls.keylog_file": keylog} if keylog else {}),
        "decode_as": {f"tcp.port=={port}": "http" for port in sorted(ports)[:PORTS]},
        "custom_parameters": ["-J", LAYERS],
    }
    for packet in packets(capture, notes, **how):
        yield from _seen(packet)


def packets(capture: Path, notes: list[str], **how: Any) -> Iterator[Any]:
    """The packets of ``capture`` as pyshark gives them, one at a time; ``how`` is what `pyshark.FileCapture` takes.

    No process is left behind, however the iteration ends. Raises as `frames` does; no message quotes ``how``, which
    may hold secrets.
    """
    pyshark = _pyshark()
    crashed = pyshark.capture.capture.TSharkCrashException
    loop = asyncio.new_event_loop()  # pyshark's own choice of a loop fails from Python 3.14 on
    given = False
    try:
        reader = _patient(pyshark.FileCapture)(
            str(capture.absolute()),  # a name that begins with a dash would be an option
            keep_packets=False,
            eventloop=loop,
            **how,
        )
        found = iter(reader)
        try:
            for packet in found:
                given = True
                yield packet
        finally:
            try:
                found.close()
            finally:
                reader.close()
    except crashed as error:
        said = str(error).partition("Last error line: ")[2].partition("\n")[0]
        if not given and "cut short" not in said:
            raise InputError(f"{capture}: tshark cannot read it: {said or 'it does not say why'}") from None
        notes.append(said)
    except OSError as error:
        raise InputError(f"{capture}: {error.strerror or error}") from None
    except RuntimeError as error:
        # a Ctrl-C stops the loop, and pyshark's own tidying up on that loop fails over it
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
    finally:
        _close(loop)


def _pyshark() -> ModuleType:
    try:
        import pyshark
        import pyshark.capture.capture
        import pyshark.tshark.tshark
    except ImportError:
        raise MissingDependencyError("pyshark is not installed: pip install 'wsanalyzer[tshark]'") from None
    return pyshark  # type: ignore[no-any-return]


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Close the loop without a word about what an interruption left unfinished on it."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.set_exception_handler(lambda loop, context: None)
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))
    loop.close()


def _patient(base: Any) -> Any:
    """A capture of pyshark's that lets tshark end by itself: killed at once, it could not tell of a failure."""

    class Patient(base):  # type: ignore[misc]
        async def _cleanup_subprocess(self, process: asyncio.subprocess.Process) -> None:
            if self._eof_reached:
                try:
                    await asyncio.wait_for(process.wait(), PATIENCE)
                    await asyncio.gather(*self._stderr_handling_tasks)
                except TimeoutError:
                    pass
            else:  # interrupted: what it had written is read, or asyncio complains about the pipe later
                for task in asyncio.all_tasks() - {asyncio.current_task(), *self._stderr_handling_tasks}:
                    task.cancel()
                await asyncio.sleep(0)
                with suppress(ProcessLookupError):
                    process.kill()
                if process.stdout is not None:
                    await process.stdout.read()
            try:
                await super()._cleanup_subprocess(process)
            finally:
                self._running_processes.discard(process)  # it has ended, and told of a failure once

    return Patient


def _seen(packet: Any) -> Iterator[Seen]:
    innermost = {layer.layer_name: layer for layer in packet.layers if layer.layer_name in ("ip", "ipv6", "tcp")}
    tcp = innermost.pop("tcp", None)
    network = next(reversed(innermost.values()), None)
    if tcp is None or network is None:
        return
    stream = int(tcp.get_field("tcp.stream").show)
    source = (network.get_field(f"{network.layer_name}.src").show, int(tcp.get_field("tcp.srcport").show))
    for layer in packet.get_multiple_layers("websocket"):
        yield frame(layer, stream, source, int(packet.number))


def frame(layer: Any, stream: int, source: tuple[str, int], packet: int) -> Seen:
    """One ``websocket`` layer of pyshark's as a frame."""

    def shown(name: str) -> str | None:
        field = layer.get_field(f"websocket.{name}")
        return None if field is None else field.show

    def raw(name: str) -> bytes | None:
        field = layer.get_field(f"websocket.{name}")
        return None if field is None or not field.raw_value else bytes.fromhex(field.raw_value)

    length = shown("payload_length_ext_64") or shown("payload_length_ext_16") or shown("payload_length") or "0"
    key, code, reason = raw("masking_key"), shown("payload.close.status_code"), raw("payload.close.reason")
    return Seen(
        stream=stream,
        source=source,
        packet=packet,
        fin=_true(shown("fin")),
        rsv=int(shown("rsv") or "0", 0),
        opcode=int(shown("opcode") or "0", 0),
        masked=_true(shown("mask")),
        masking_key=None if key is None else key.hex(),
        payload_length=int(length, 0),
        close_code=None if code is None else int(code, 0),
        close_reason=None if reason is None else reason.decode(errors="replace"),
        text=raw("payload.text"),
    )


def _true(shown: str | None) -> bool:
    return shown in ("1", "True")


def _one_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
