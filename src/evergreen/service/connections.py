"""Connections with bad manners: too many of them, too slow, or with a head that never ends."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from typing import ClassVar

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

CONNECTIONS = 4_096  # of one process; each costs some 30 KB
RESERVE = 256  # descriptors that the database, logs, model files and the guardrails' watch always find
SHARE = 0.75  # of all connections that one address may hold
HEAD_BYTES = 16 * 1024  # what other servers take; ours need some 300
HEAD_SECONDS = 10.0  # until a request's head is whole, from the connection or its first byte
READ_SECONDS = 20.0  # that an answer may lie unread, once no buffer takes more of it or the connection is closed
BODY_SECONDS = 20.0  # 64 KB at the speed of a bad telephone line


def make_room() -> int:
    """Raise this process' limit on descriptors as far as it may go, at most to what is needed; how many fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = CONNECTIONS + RESERVE
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(min(CONNECTIONS, soft - RESERVE), 1)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with an end to everything a client may begin.

    A connection over the limit is answered 503 and closed; a head over `HEAD_BYTES` 431; a head or a body that is
    not whole in time 408; one whose client does not read its answers is cut off. Those that behave never meet a timer:
    one is set only while something is incomplete.
    """

    room: ClassVar[int] = CONNECTIONS
    _by_address: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection and wait for its first head, or refuse it."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None
        self._timed, self._part = "", "head"
        self._head_bytes = 0
        self._by_address[self._address] += 1
        if len(self.connections) > self.room or self._by_address[self._address] > max(self.room * SHARE, 1):
            self._refuse(503, "Service Unavailable", "Too many connections.")
            return
        self._watch_part()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, and what is still being said to nobody."""
        if self._answering is not None:
            self._answering.disconnected = True
        self._stop_timer()
        self._stop_unread()
        self._by_address[self._address] -= 1
        if not self._by_address[self._address]:
            del self._by_address[self._address]
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads slower than it asks; it gets some time to catch up."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """It did."""
        self._stop_unread()
        super().resume_writing()
        self._close_in_time()

    def on_response_complete(self) -> None:
        """The next answer, or the end."""
        super().on_response_complete()
        self._close_in_time()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing more was asked."""
        super().timeout_keep_alive_handler()
        self._close_in_time()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then see what is still incomplete."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._part == "head":
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431, "Request Header Fields Too Large", f"The head is over {HEAD_BYTES} bytes.")
                return
        self._watch_part()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._part, self._head_bytes = "head", 0
        self._declared = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, unless all together are too many."""
        self._declared += len(name) + len(value) + 4  # colon, space and line end
        if self._declared > HEAD_BYTES:
            raise OverflowError(f"The head is over {HEAD_BYTES} bytes.")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The body begins."""
        self._part = "body"
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Nothing is awaited."""
        self._part = ""
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong with a head that cannot be parsed."""
        if self._part == "head" and self._declared > HEAD_BYTES:
            self._refuse(431, "Request Header Fields Too Large", f"The head is over {HEAD_BYTES} bytes.")
        else:
            super().send_400_response(msg)
            self._close_in_time()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Of requests sent one behind the other uvicorn keeps the last, which is not the one that is answered."""
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _watch_part(self) -> None:
        """One timer for each incomplete part, which further bytes do not prolong."""
        if self._part == self._timed and (self._timer is not None or not self._part):
            return
        self._stop_timer()
        self._timed = self._part
        if self._part:
            seconds = HEAD_SECONDS if self._part == "head" else BODY_SECONDS
            self._timer = self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self._refuse(408, "Request Timeout", f"The {self._part} did not come in time.")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_in_time(self) -> None:
        """A closed connection stands until its client has read what was said."""
        if self.transport.is_closing() and self._unread is None:
            self._wait_for_reader()

    def _wait_for_reader(self) -> None:
        self._unread = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _refuse(self, status: int, phrase: str, sentence: str) -> None:
        body = f'{{"error": "{sentence}", "hint": "See /docs for what is expected."}}'
        head = f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self._stop_timer()
        self.transport.write(f"{head}connection: close\r\n\r\n{body}".encode())
        self.transport.close()
        self._close_in_time()
