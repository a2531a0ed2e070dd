"""One flow of traffic, evenly spread over some seconds.

  send.py udp     ADDRESS PORT --sport N --count N --size N --seconds S [--echo]
  send.py tcp     ADDRESS PORT --sport N --bytes N --seconds S          bulk to the peer
  send.py fetch   ADDRESS PORT --sport N --bytes N                      bulk from the peer
  send.py request ADDRESS PORT --sport N --count N --seconds S          short connections
  send.py dns     ADDRESS PORT --sport N --count N --seconds S

Source ports and payloads are fixed, so a second recording has the same flows.
ADDRESS may be a multicast group or a broadcast address. size is the UDP payload in bytes.
"""

import argparse
import socket
import struct
import time

import dns_message

DEVICE = "eth0"
PATTERN = bytes(range(256)) * 64


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("kind", choices=["udp", "tcp", "fetch", "request", "dns"])
    p.add_argument("address")
    p.add_argument("port", type=int)
    p.add_argument("--sport", type=int, required=True)
    p.add_argument("--sports", type=int, default=1, help="spread over this many source ports")
    p.add_argument("--count", type=int, default=1)
    p.add_argument("--size", type=int, default=18)
    p.add_argument("--bytes", type=int, default=0)
    p.add_argument("--seconds", type=float, default=1)
    p.add_argument("--delay", type=float, default=0)
    p.add_argument("--echo", action="store_true", help="wait for each answer")
    return p.parse_args()


def paced(count, seconds):
    """0 … count-1, each at its moment."""
    start = time.monotonic()
    for i in range(count):
        pause = start + seconds * i / count - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        yield i


def open_socket(args, kind, sport):
    family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
    s = socket.socket(family, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if kind == socket.SOCK_DGRAM:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        index = socket.if_nametoindex(DEVICE)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        else:
            member = struct.pack("=4s4si", b"\0\0\0\0", b"\0\0\0\0", index)
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, member)
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    s.bind(("", sport))
    s.settimeout(10)
    s.connect((args.address, args.port))
    return s


def udp(args):
    sockets = [open_socket(args, socket.SOCK_DGRAM, args.sport + n) for n in range(args.sports)]
    for i in paced(args.count, args.seconds):
        s = sockets[i % args.sports]
        s.send((struct.pack("!I", i) + PATTERN)[: args.size])
        if args.echo:
            s.recv(65536)


def tcp(args):
    s = open_socket(args, socket.SOCK_STREAM, args.sport)
    chunk = 8192
    for _ in paced(-(-args.bytes // chunk), args.seconds):
        s.sendall(PATTERN[:chunk])
    s.shutdown(socket.SHUT_WR)
    s.recv(1)


def fetch(args):
    s = open_socket(args, socket.SOCK_STREAM, args.sport)
    s.sendall(b"%d\n" % args.bytes)
    while s.recv(65536):
        pass


def request(args):
    for i in paced(args.count, args.seconds):
        with open_socket(args, socket.SOCK_STREAM, args.sport + i) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for line in range(2):
                s.sendall(b"GET /item/%d/%d\n" % (i, line))
                left = 600
                while left:
                    left -= len(s.recv(left))


def dns(args):
    s = open_socket(args, socket.SOCK_DGRAM, args.sport)
    kinds = [dns_message.A, dns_message.AAAA, dns_message.A, dns_message.TXT, dns_message.PTR]
    for i in paced(args.count, args.seconds):
        kind = kinds[i % len(kinds)]
        name = f"n{i}.{dns_message.ZONE}" if i % 7 else f"absent.{dns_message.ZONE}"
        if kind == dns_message.PTR:
            name = f"{i % 250}.2.0.192.in-addr.arpa"
        s.send(dns_message.query(i, name, kind))
        s.recv(65536)


arguments = parse()
time.sleep(arguments.delay)
globals()[arguments.kind](arguments)
