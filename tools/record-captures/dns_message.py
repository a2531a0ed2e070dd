"""The few DNS messages the recordings need (RFC 1035, RFC 6891)."""

import socket
import struct

A, PTR, TXT, AAAA, OPT = 1, 12, 16, 28, 41
ZONE = "lan.example"


def encode_name(name):
    labels = (label.encode() for label in name.rstrip(".").split("."))
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def decode_name(message, at):
    labels = []
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels), at + 1


def query(ident, name, kind):
    """A question with recursion desired and an EDNS0 buffer size of 1232."""
    head = struct.pack("!6H", ident, 0x0100, 1, 0, 0, 1)
    edns = b"\0" + struct.pack("!HHIH", OPT, 1232, 0, 0)
    return head + encode_name(name) + struct.pack("!HH", kind, 1) + edns


def answer(message):
    """The zone's answer: names nNNN exist, all others do not."""
    ident = struct.unpack_from("!H", message)[0]
    name, end = decode_name(message, 12)
    kind = struct.unpack_from("!H", message, end)[0]
    question = message[12 : end + 4]
    digits = name.split(".")[0][1:]
    known = kind == PTR or (name.endswith(ZONE) and digits.isdigit())
    number = int(digits) % 250 if digits.isdigit() else 1
    data = {
        A: [socket.inet_aton(f"192.0.2.{number}")],
        AAAA: [socket.inet_pton(socket.AF_INET6, f"2001:db8::{number:x}")],
        PTR: [encode_name(f"n1.{ZONE}")],
        TXT: [bytes([200]) + (f"text record {i} of {name} ".encode() * 20)[:200] for i in range(4)],
    }[kind]
    records = data if known else []
    body = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(d)) + d for d in records)
    flags = 0x8580 if known else 0x8583  # authoritative answer, NXDOMAIN
    return struct.pack("!6H", ident, flags, 1, len(records), 0, 0) + question + body
