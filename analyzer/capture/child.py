"""A program that captures, and writes pcapng on a pipe: the bytes, and how it is started, stopped and cleaned up.

Capturing is left to a process of its own whatever the back end, because a Python thread that reads packet by packet
would wait for the interpreter's lock each time, milliseconds where the analysis is busy. A pipe is read a megabyte at
a time.

The program gets the reading end of a second pipe as standard input. It is closed when the capture is to end, and by
the system when this process dies. The program has a session of its own, so that Ctrl-C reaches it only through us.

A program that does not look at its standard input is ended by signals, the next one where one does nothing, and has a
watchman for the case that this process is killed: a shell which waits for the end of a pipe that we hold. The kernel's
own means (PR_SET_PDEATHSIG) is void for a program that got capabilities from its file, as dumpcap does where every
user may capture.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence

from analyzer.capture.privileges import Caller

PIPE = 1 << 20
"""Size of the pipe, in bytes: an unprivileged user's most."""
START = 20.0
"""Seconds a program has to send its first bytes."""
SAID = 64 << 10
"""Bytes of a program's complaints that are read."""
URGED = ((0.3, signal.SIGINT), (1.3, signal.SIGTERM), (3.0, signal.SIGKILL))
"""What a program gets that has been told to end, so many seconds later; the first two only if signals are its way.
Not at once: dumpcap drops what is in its ring, and gets its packets a quarter of a second after they came."""
END = URGED[-1][0]
WATCHMAN = 'read -r _ || for name in INT TERM KILL; do kill -s $name "$0" || exit; sleep 1; done'
"""A line relieves it; without one the program is ended."""


class Child:
    """A running capture program; a stream of the bytes it sends (see `analyzer.capture.stream.Stream`)."""

    kind: str | None = None

    def __init__(
        self,
        command: Sequence[str],
        *,
        interrupt: bool = False,
        descriptors: Sequence[int] = (),
        user: Caller | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start ``command``, which inherits ``descriptors``, as ``user``; ``interrupt``: SIGINT is what ends it."""
        self.position = 0
        self._urging = list(URGED if interrupt else URGED[-1:])
        self._stopped = 0.0
        self._watchman: subprocess.Popen[bytes] | None = None
        with contextlib.ExitStack() as undo:
            self._errors = undo.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
                pass_fds=descriptors,
                env=environment,
                user=None if user is None else user.uid,
                group=None if user is None else user.gid,
                extra_groups=None if user is None else user.groups,
            )
            undo.pop_all()
        if interrupt:
            try:
                self._watchman = _watch(self._process.pid)
            except BaseException:
                self.close()
                raise
        assert self._process.stdout is not None, "asked for a pipe"
        self._output = self._process.stdout.fileno()
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import fcntl

            fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, PIPE)

    def started(self) -> bool:
        """Wait for the first bytes; False where the program ended without any, or sends none."""
        try:
            if not select.select([self._output], [], [], START)[0]:
                return False
            # At the end of the file there is something to read as well, and then the program is about to be over.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
            return self._process.poll() is None or self._available() > 0
        except BaseException:  # a second Ctrl-C
            self.close()
            raise

    def _available(self) -> int:
        import array
        import fcntl
        import termios

        count = array.array("i", [0])
        fcntl.ioctl(self._output, termios.FIONREAD, count)
        return count[0]

    def readinto(self, view: memoryview) -> int:
        """One read; 0 where the program has ended."""
        count = os.readv(self._output, [view])
        self.position += count
        return count

    def stop(self) -> None:
        """Let the program end, with calls of `press` from now on; what it still has comes first."""
        if self._stopped:
            return
        self._stopped = time.monotonic()
        assert self._process.stdin is not None, "asked for a pipe"
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def press(self) -> None:
        """Once stopped: urge the program on where it has had its time, and kill it in the end."""
        while self._stopped and self._urging and time.monotonic() - self._stopped >= self._urging[0][0]:
            self._signal(self._urging.pop(0)[1])

    @property
    def stopped(self) -> bool:
        """Whether it was told to end."""
        return bool(self._stopped)

    def _signal(self, number: int) -> None:
        try:
            self._process.send_signal(number)
        except PermissionError:  # the privileges it was started with have been given up; its watchman still has them
            self._dismiss(b"")
        except OSError:
            pass

    def _dismiss(self, word: bytes) -> None:
        """End the watchman's watch: with a line it goes, with nothing it does what it is for."""
        if self._watchman is not None and self._watchman.stdin is not None and not self._watchman.stdin.closed:
            with contextlib.suppress(OSError):  # gone already
                self._watchman.stdin.write(word)
            self._watchman.stdin.close()

    def said(self) -> str:
        """What the program wrote on standard error."""
        # Its place in the file is the program's as well, so it must not be moved.
        return os.pread(self._errors.fileno(), SAID, 0).decode(errors="replace")

    def close(self) -> None:
        """End the program, at once if it does not by itself, and leave nothing of it."""
        self.stop()
        assert self._process.stdout is not None, "asked for a pipe"
        self._process.stdout.close()  # what still writes is told that nobody reads
        if self._watchman is not None:
            self._signal(signal.SIGINT)
        try:
            self._process.wait(END)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        if self._watchman is not None:
            self._dismiss(b"\n")
            self._watchman.wait()
        self._errors.close()


def _watch(process: int) -> subprocess.Popen[bytes]:
    """What ends ``process`` when this one is gone. Not a child of it, so that it can be reaped here."""
    return subprocess.Popen(
        ["sh", "-c", WATCHMAN, str(process)],
        stdin=subprocess.PIPE,
        bufsize=0,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
