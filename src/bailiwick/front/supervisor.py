"""Fork processes, replace those that die, and end all of them together.

It is single-threaded and does nothing else, so forking is safe at any time and there is little that
could fail. All signals are waited for, never handled; SIGHUP is passed on to the children. Those
hold the reading end of a pipe whose writing end is ours alone, so they learn that we are gone,
however that came about.
"""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from bailiwick.errors import BailiwickError
from bailiwick.front.certificates import LOOK_S, Certificates

_log = logging.getLogger("bailiwick.front")

Run: TypeAlias = Callable[[int], None]
"""What a child does; it is given the reading end of the pipe."""

_STOP: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_SIGNALS: Final = _STOP | {signal.SIGCHLD, signal.SIGALRM, signal.SIGHUP}
_SOON_S: Final = 5.0
"""A child that dies sooner is replaced after a while only."""
_LONGEST_WAIT_S: Final = 30.0
_GRACE_S: Final = 5.0
"""After the time to stop: for what is queued to be written."""


@dataclass(slots=True)
class _Child:
    """A process, and what it does."""

    name: str
    run: Run
    listening: socket.socket | None
    """What a worker accepts from; ``None``: it is a helper."""
    pid: int = 0
    """0: it does not run."""
    began: float = 0.0
    failures: int = 0
    """How often it died soon, in a row."""
    due: float = 0.0
    """When to start it again."""


class Supervisor:
    """The parent process."""

    def __init__(
        self,
        directory: Path,
        listening: Sequence[socket.socket],
        stop_s: float,
        certificates: Sequence[Certificates] = (),
    ) -> None:
        """``certificates``: those that workers begin with; the parent follows them, so that a
        worker that is replaced does not go back to what was in use long ago.
        """
        self._certificates = certificates
        self._directory = directory
        self._listening = listening
        self._stop_s = stop_s
        self._children: list[_Child] = []
        self._mask: set[int] = set()
        self._reader = self._writer = -1
        self._has_served = False

    def watch_over(self, name: str, run: Run, listening: socket.socket | None = None) -> None:
        """Have a child: a worker, which listens, or a helper."""
        self._children.append(_Child(name, run, listening))

    def run(self) -> None:
        """Watch until told to stop. Raises ``BailiwickError`` if no worker comes to serve."""
        signal.signal(signal.SIGCHLD, _take_note)  # what is ignored might not be waited for
        self._mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS))
        self._reader, self._writer = os.pipe()
        try:
            self._watch()
        finally:
            self._stop()
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _watch(self) -> None:
        while True:
            for one in self._certificates:
                one.look()
            self._start_due()
            got = signal.sigwait(_SIGNALS)
            if got in _STOP:
                return
            if got == signal.SIGHUP:
                for child in self._children:
                    _kill(child.pid, signal.SIGHUP)
            self._reap()

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if not child.pid and child.due <= now:
                self._start(child)
        waiting = [child.due for child in self._children if not child.pid]
        if self._certificates:
            waiting.append(now + LOOK_S)
        if waiting:
            signal.setitimer(signal.ITIMER_REAL, max(min(waiting) - time.monotonic(), 0.01))

    def _start(self, child: _Child) -> None:
        child.began = time.monotonic()
        child.pid = os.fork()
        if child.pid == 0:
            self._be(child)

    def _be(self, child: _Child) -> None:
        """Be the child; never returns."""
        status = 1
        try:
            os.close(self._writer)
            self._close_listening(but=child.listening)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            child.run(self._reader)
            status = 0
        except BailiwickError as error:
            _log.critical("%s cannot run: %s", child.name, error)
        except BaseException:  # noqa: BLE001 - nothing may return into the parent's code
            _log.critical("%s failed", child.name, exc_info=True)
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(status)

    def _reap(self) -> None:
        for child in self._children:
            if child.pid and (status := _ended(child.pid)) is not None:
                self._mourn(child, status)

    def _mourn(self, child: _Child, status: int) -> None:
        """Take note of a death, and of when to replace the dead."""
        has_served = (self._directory / f"worker-{child.pid}.json").exists()
        self._has_served = self._has_served or has_served
        child.pid = 0
        if child.listening and not self._has_served:
            raise BailiwickError(f"{child.name} ended before it could serve", "see the log above")
        now = time.monotonic()
        child.failures = child.failures + 1 if now - child.began < _SOON_S else 0
        wait = min(2.0**child.failures / 4, _LONGEST_WAIT_S) if child.failures else 0.0
        child.due = now + wait
        _log.error("%s ended (status %d); it is replaced in %.1f s", child.name, status, wait)

    def _stop(self) -> None:
        """End the workers, politely for as long as they may take, and then the helpers."""
        self._close_listening()
        self._end([one for one in self._children if one.listening], self._stop_s + _GRACE_S)
        self._end([one for one in self._children if not one.listening], 1.0)
        os.close(self._writer)
        os.close(self._reader)

    def _close_listening(self, but: socket.socket | None = None) -> None:
        for one in self._listening:
            if one is not but:
                one.close()

    def _end(self, children: list[_Child], seconds: float) -> None:
        until = time.monotonic() + seconds
        for child in children:
            _kill(child.pid, signal.SIGTERM)
        while children := [one for one in children if one.pid and _ended(one.pid) is None]:
            if time.monotonic() > until:
                for child in children:
                    _kill(child.pid, signal.SIGKILL)
            time.sleep(0.01)


def _take_note(number: int, frame: object) -> None:
    del number, frame


def _kill(pid: int, number: signal.Signals) -> None:
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _ended(pid: int) -> int | None:
    """Give the exit status of a child that has ended, as the shell counts it."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 1
    return os.waitstatus_to_exitcode(status) if found else None
