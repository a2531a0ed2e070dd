"""Writes tcpdump's recording in one of the committed formats, with no trace of the machine.

  rewrite.py --format FORMAT --inside MAC,MAC RAW.pcap OUT

Frame bytes, lengths and times stay as recorded; frames are put in order of time, since two
processors may hand tcpdump two frames microseconds the wrong way round. pcapng frames get a direction
(epb_flags), as the NIC in front of the inside hosts sees it: outbound if one of them sent
the frame, else inbound.
"""

import argparse
import struct

ETHERNET = 1
SNAPLEN = 262144


def read(path):
    """(nanoseconds, frame) of a little-endian nanosecond pcap, none of them cut."""
    with open(path, "rb") as f:
        data = f.read()
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", data)
    if magic != 0xA1B23C4D or link != ETHERNET:
        raise SystemExit(f"{path}: expected nanosecond little-endian Ethernet, found {magic:#x}, link {link}")
    frames, at = [], 24
    while at < len(data):
        seconds, nanoseconds, captured, length = struct.unpack_from("<4I", data, at)
        if captured != length:
            raise SystemExit(f"{path}: a frame of {length} bytes was cut to {captured}")
        frames.append((seconds * 10**9 + nanoseconds, data[at + 16 : at + 16 + captured]))
        at += 16 + captured
    return frames


def pcap(frames, order, nanosecond):
    """The classic format; order is struct's "<" or ">"."""
    unit = 1 if nanosecond else 1000
    magic = 0xA1B23C4D if nanosecond else 0xA1B2C3D4
    yield struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, SNAPLEN, ETHERNET)
    for time, frame in frames:
        seconds, rest = divmod(time, 10**9)
        yield struct.pack(order + "4I", seconds, rest // unit, len(frame), len(frame)) + frame


def pad(data):
    return data + bytes(-len(data) % 4)


def option(code, data):
    return struct.pack("<HH", code, len(data)) + pad(data)


END = struct.pack("<HH", 0, 0)


def block(kind, body):
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def pcapng(frames, inside):
    """One section, one interface with nanosecond times (if_tsresol 9)."""
    application = option(4, b"vmq tools/record-captures.sh") + END
    yield block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + application)
    interface = option(2, b"lan") + option(9, b"\x09") + END
    yield block(1, struct.pack("<HHI", ETHERNET, 0, SNAPLEN) + interface)
    for time, frame in frames:
        direction = 2 if frame[6:12] in inside else 1
        head = struct.pack("<5I", 0, time >> 32, time & 0xFFFFFFFF, len(frame), len(frame))
        yield block(6, head + pad(frame) + option(2, struct.pack("<I", direction)) + END)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--format", required=True, choices=["pcapng", "pcap-us-le", "pcap-us-be", "pcap-ns-le"])
    p.add_argument("--inside", default="")
    p.add_argument("raw")
    p.add_argument("out")
    args = p.parse_args()
    inside = {bytes.fromhex(mac.replace(":", "")) for mac in args.inside.split(",") if mac}
    recorded = read(args.raw)
    frames = sorted(recorded, key=lambda timed: timed[0])
    if args.format == "pcapng":
        parts = pcapng(frames, inside)
    else:
        _, unit, end = args.format.split("-")
        parts = pcap(frames, "<" if end == "le" else ">", unit == "ns")
    with open(args.out, "wb") as f:
        for part in parts:
            f.write(part)
    late = max((sooner[0] - later[0] for sooner, later in zip(recorded, recorded[1:])), default=0)
    print(f"{args.out.rsplit('/', 1)[-1]}: {len(frames)} frames; reordered within {max(late, 0)} ns")


main()
