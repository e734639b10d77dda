"""A load generator in a process of its own: `python -m bench.http.load` reads its plan from stdin, writes a result.

Each connection sends its next request when the answer to the one before has come (a closed loop), or, at a fixed rate,
when its time has come: then a request that had to wait for the one before counts from when it was due. Latencies are
those that these clients see, with their own place in the queue for the cores.
"""

import asyncio
import sys
import time
from typing import cast

import msgspec
import uvloop


class Plan(msgspec.Struct, frozen=True):
    """`lanes`: the requests of each connection, sent in turn, from the first again when all are sent; `each_s`: how
    often each connection sends one, at the soonest possible where it is not said.
    """

    host: str
    port: int
    seconds: float
    lanes: list[list[str]]
    each_s: float | None = None


class Result(msgspec.Struct, frozen=True):
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    bytes_per_answer: float
    failed: int
    first_failure: str


class _Lane(asyncio.Protocol):
    def __init__(self, requests: list[str], each_s: float | None) -> None:
        self.requests = [request.encode("latin-1") for request in requests]
        self.each_s = each_s
        self.latencies: list[float] = []
        self.failures: list[bytes] = []
        self.received = self.sent = 0
        self.ends_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._began = 0.0
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's own class is no subclass of it

    def send(self, due: float | None = None) -> None:
        assert self._transport is not None
        self._began = time.perf_counter() if due is None else due
        self._transport.write(self.requests[self.sent % len(self.requests)])
        self.sent += 1

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = buffer.find(b"content-length: ", 0, end)
        assert at >= 0, "every answer says how long it is"
        length = int(buffer[at + 16 : buffer.index(b"\r", at)])
        if len(buffer) < end + 4 + length:
            return
        now = time.perf_counter()
        self._buffer = b""
        self.latencies.append(now - self._began)
        self.received += length
        if not buffer.startswith(b"HTTP/1.1 2"):
            self.failures.append(buffer)
        due = now if self.each_s is None else self._began + self.each_s
        if max(now, due) >= self.ends_at:
            self.done.set_result(None)
        elif due <= now:
            self.send(None if self.each_s is None else due)
        else:
            asyncio.get_running_loop().call_later(due - now, self.send, due)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.failures.append(f"the connection ended: {exc}".encode())
            self.done.set_result(None)


async def drive(plan: Plan) -> Result:
    loop = asyncio.get_running_loop()
    lanes: list[_Lane] = []
    for requests in plan.lanes:
        _, lane = await loop.create_connection(
            lambda requests=requests: _Lane(requests, plan.each_s), plan.host, plan.port
        )
        lanes.append(lane)
    began = time.perf_counter()
    for number, lane in enumerate(lanes):
        lane.ends_at = began + plan.seconds
        if plan.each_s is None:
            lane.send()
        else:  # spread over the first turn
            first_s = plan.each_s * number / len(lanes)
            loop.call_later(first_s, lane.send, began + first_s)
    await asyncio.gather(*(lane.done for lane in lanes))
    seconds = time.perf_counter() - began
    times = sorted(latency for lane in lanes for latency in lane.latencies)
    failures = [failure for lane in lanes for failure in lane.failures]
    count = len(times)
    return Result(
        requests=count,
        seconds=seconds,
        p50_ms=times[count // 2] * 1000 if times else 0.0,
        p99_ms=times[min(count - 1, count * 99 // 100)] * 1000 if times else 0.0,
        bytes_per_answer=sum(lane.received for lane in lanes) / max(1, count),
        failed=len(failures),
        first_failure=failures[0].decode("latin-1")[:2000] if failures else "",
    )


def main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    result = uvloop.run(drive(plan))
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
