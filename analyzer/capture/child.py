"""A program that captures, and writes pcapng on a pipe: the bytes, and how it is started, stopped and cleaned up.

Capturing is left to a process of its own whatever the back end, because a Python thread that reads packet by packet
would wait for the interpreter's lock each time, milliseconds where the analysis is busy. A pipe is read a megabyte at
a time.

The program gets the reading end of a second pipe as standard input. It is closed when the capture is to end, and by
the system when this process dies. The program has a session of its own, so that Ctrl-C reaches it only through us.
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
END = 3.0
"""Seconds it has to end when told to; then it is killed."""


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
        self._interrupt = interrupt
        self._stopped = 0.0
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
        assert self._process.stdout is not None, "asked for a pipe"
        self._output = self._process.stdout.fileno()
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import fcntl

            fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, PIPE)

    def started(self) -> bool:
        """Wait for the first bytes; False where the program ended without any, or sends none."""
        if not select.select([self._output], [], [], START)[0]:
            return False
        # At the end of the file there is something to read as well, and then the program is about to be over.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.05)
        return self._process.poll() is None or self._available() > 0

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
        """Let the program end; what it still has comes first."""
        if self._stopped:
            return
        self._stopped = time.monotonic()
        assert self._process.stdin is not None, "asked for a pipe"
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        if self._interrupt:
            self._signal(signal.SIGINT)

    def press(self) -> None:
        """Once stopped: kill the program where it has had its time."""
        if self._stopped and time.monotonic() - self._stopped > END:
            self._signal(signal.SIGKILL)

    @property
    def stopped(self) -> bool:
        """Whether it was told to end."""
        return bool(self._stopped)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(OSError):
            self._process.send_signal(number)

    def said(self) -> str:
        """What the program wrote on standard error."""
        # Its place in the file is the program's as well, so it must not be moved.
        return os.pread(self._errors.fileno(), SAID, 0).decode(errors="replace")

    def close(self) -> None:
        """End the program, at once if it does not by itself, and leave nothing of it."""
        self.stop()
        assert self._process.stdout is not None, "asked for a pipe"
        self._process.stdout.close()  # what still writes is told that nobody reads
        try:
            self._process.wait(END)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._errors.close()
