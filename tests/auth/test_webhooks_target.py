"""Where webhooks may go: nowhere beside us, whatever a name leads to, and whenever."""

import asyncio

import pytest

from gasolinera.auth.webhooks_target import TargetError, find_target, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:1::1", "localhost", "",
    ],
)  # fmt: skip
def test_no_address_of_our_own_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"])
def test_addresses_of_the_world_are_public(address: str) -> None:
    assert is_public(address)


def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to() -> None:
    answers = [["93.184.216.34"], ["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], []]

    async def resolve(_host: str, _port: int) -> list[str]:
        return answers.pop(0)

    async def main() -> None:
        found = await find_target("https://pos.example:8443/a?b=1", is_strict=True, resolve=resolve)
        assert found.url == "https://93.184.216.34:8443/a?b=1"
        assert (found.host, found.name) == ("pos.example:8443", "pos.example")
        for _ in range(3):
            with pytest.raises(TargetError):
                await find_target("https://pos.example/", is_strict=True, resolve=resolve)
        with pytest.raises(TargetError):
            await find_target("http://pos.example/", is_strict=True, resolve=resolve)

    asyncio.run(main())
