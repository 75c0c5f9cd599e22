"""The control socket: the proxy's owner asks, the observer answers. (core/records/control.py)

Rules: 1. It opens with the proxy, unless the proxy announces itself to nobody, and closes with it.
       2. No failure here stops the proxy: without a socket, questions go unanswered, and the log says why.
       3. What a connection may cost is bounded: questions by length, connections by number, silence by time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from mitmproxy import ctx

from mitmvault.addons.fail_closed import report
from mitmvault.addons.keeper import Keeper
from mitmvault.addons.tasks import spawn
from mitmvault.core.records import control
from mitmvault.core.records.control import ControlError
from mitmvault.home.control_socket import ControlSocket
from mitmvault.home.layout import HomeError

logger = logging.getLogger(__name__)
CONNECTIONS = 32
SILENCE = 60.0  # seconds


class Control:
    """Serves the questions of the table with these functions: what they return is the answer."""

    def __init__(self, keeper: Keeper, answers: Mapping[str, Callable[..., Any]]) -> None:
        assert set(answers) == set(control.QUESTIONS)
        self.keeper = keeper
        self.answers = answers
        self._listening: ControlSocket | None = None
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def path(self) -> str | None:
        """Where questions are taken; None: nowhere."""
        return str(self._listening.path) if self._listening else None

    def running(self) -> None:
        if self.keeper.current is None or not ctx.options.mitmvault_announce or self._listening:
            return
        try:
            self._listening = ControlSocket(self.keeper.home)
        except (OSError, HomeError) as error:
            logger.warning("mitmvault top and explain cannot ask this proxy: %s", error)
        else:
            spawn(self._serve(self._listening), "Control.running")

    def done(self) -> None:
        if self._server:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        if self._listening:
            self._listening.close()
        self._server = self._listening = None

    async def _serve(self, listening: ControlSocket) -> None:
        server = await asyncio.start_unix_server(self._meet, sock=listening.socket, limit=control.MAX_QUESTION)
        if self._listening is listening:
            self._server = server
        else:  # it was all over meanwhile
            server.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer line by line, until the other side leaves."""
        self._open.add(writer)
        try:
            if len(self._open) > CONNECTIONS:
                writer.write(control.problem("too many questions at once: try again"))
                return
            with suppress(
                OSError, TimeoutError, ValueError, asyncio.IncompleteReadError
            ):  # ValueError: too long a line
                while line := await asyncio.wait_for(reader.readline(), SILENCE):
                    writer.write(self.answer(line))
                    await asyncio.wait_for(writer.drain(), SILENCE)
        finally:
            self._open.discard(writer)
            writer.close()

    def answer(self, line: bytes) -> bytes:
        """The line that answers a line."""
        try:
            asked = control.read_question(line)
            return control.answer(self.answers[asked.name](**asked.words))
        except ControlError as error:
            return control.problem(str(error))
        except Exception as error:
            report("Control.answer", error)
            return control.problem("the proxy failed at this question; its log says where")
