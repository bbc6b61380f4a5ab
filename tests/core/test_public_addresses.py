"""Which addresses a stranger's URL may lead to."""

from __future__ import annotations

import pytest

from cutouts.core.sources.public_addresses import is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254",
        "100.64.0.1", "100.127.255.255", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
        "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::", "100::1",
    ],
)  # fmt: skip
def test_an_internal_address_is_not_public(address: str) -> None:
    """It is loopback, private, shared, link-local, multicast or reserved, also inside an IPv6 address."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    """This includes those just beside a private range and IPv4 addresses as IPv6 sockets show them."""
    assert is_public(address)


def test_an_address_behind_nat64_is_public() -> None:
    """NAT64 puts an IPv4 address into the last 32 bits."""
    assert is_public("64:ff9b::8.8.8.8")


@pytest.mark.parametrize("text", ["", "0", "2130706433", "0x7f000001", "127.1", "0177.0.0.1", "localhost", "8.8.8.8 "])
def test_an_incomplete_address_is_not_public(text: str) -> None:
    """A resolver would take these numbers for some address."""
    assert not is_public(text)
