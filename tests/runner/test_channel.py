"""Messages over a socket: whole, in order, and an end that is seen."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cutouts.runner.channel import Channel


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """Both ends of a connection."""
    ours, theirs = map(Channel, socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def test_messages_arrive_whole_and_in_order(ends: tuple[Channel, Channel]) -> None:
    """An empty one, and one that is larger than the socket's memory."""
    messages = [b"", b"small", os.urandom(5_000_000), b"last"]
    with ThreadPoolExecutor(1) as pool:
        sending = [pool.submit(ends[0].send, message) for message in messages]
        assert [ends[1].receive() for _ in messages] == messages
        for one in sending:
            one.result()


def test_it_tells_whether_something_has_arrived(ends: tuple[Channel, Channel]) -> None:
    """A message, or the end."""
    assert not ends[1].ready(0.01)
    ends[0].send(b"word")
    assert ends[1].ready(10)
    assert ends[1].receive() == b"word"
    ends[0].close()
    assert ends[1].ready(10)


def test_the_end_is_not_a_message(ends: tuple[Channel, Channel]) -> None:
    """Whether it comes between messages or within one, and to send to nobody is an error."""
    ends[0].close()
    with pytest.raises(EOFError):
        ends[1].receive()
    with pytest.raises(BrokenPipeError):
        ends[1].send(b"to nobody")


def test_a_message_that_breaks_off_is_not_given_out() -> None:
    """The other end may be killed while it sends."""
    ours, theirs = socket.socketpair()
    ours.sendall((100).to_bytes(8, "big") + b"only the beginning")
    ours.close()
    channel = Channel(theirs)
    with pytest.raises(EOFError):
        channel.receive()
    channel.close()
