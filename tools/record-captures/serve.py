"""What a host listens on: serve.py [GROUP...]

  7/udp echo, 9/udp and 9/tcp discard, 19/tcp sends as many bytes as the peer asks for,
  80/tcp answers each request with 600 bytes, 53/udp DNS; joins the multicast groups named.
IPv4 and IPv6 both.
"""

import asyncio
import socket
import struct
import sys

import dns_message

DEVICE = "eth0"
PATTERN = bytes(range(256)) * 64


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, reply):
        self.reply = reply

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        answer = self.reply(data)
        if answer is not None:
            self.transport.sendto(answer, peer)


async def discard(reader, writer):
    while await reader.read(65536):
        pass
    writer.close()


async def generate(reader, writer):
    wanted = int(await reader.readline())
    while wanted > 0:
        writer.write(PATTERN[: min(wanted, 8192)])
        wanted -= 8192
        await writer.drain()
        await asyncio.sleep(0.02)
    writer.close()


async def respond(reader, writer):
    while await reader.readline():
        writer.write(b"200 " + PATTERN[:596])
        await writer.drain()
    writer.close()


def udp_socket(family, port, groups=()):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind(("", port))
    index = socket.if_nametoindex(DEVICE)
    for group in groups:
        if family == socket.AF_INET and ":" not in group:
            member = socket.inet_aton(group) + struct.pack("=4si", b"\0\0\0\0", index)
            s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        if family == socket.AF_INET6 and ":" in group:
            member = socket.inet_pton(family, group) + struct.pack("=i", index)
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
    return s


async def main():
    loop = asyncio.get_running_loop()
    groups = sys.argv[1:]
    replies = {7: lambda data: data, 9: lambda data: None, 53: dns_message.answer}
    for port, reply in replies.items():
        for family in (socket.AF_INET, socket.AF_INET6):
            s = udp_socket(family, port, groups if port == 9 else ())
            await loop.create_datagram_endpoint(lambda reply=reply: Datagrams(reply), sock=s)
    for port, handler in ((9, discard), (19, generate), (80, respond)):
        await asyncio.start_server(handler, ["0.0.0.0", "::"], port)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
