"""VLAN access ports: access-port.py INSIDE,TRUNK,VLAN,PCP ...

For each port: what the host sends on INSIDE goes out on TRUNK with an 802.1Q tag; what comes
from TRUNK with that VLAN goes to INSIDE without it; all else is dropped, as a switch does.
VLAN 0 is a priority tag: the host sends tag 0 and receives untagged (and priority-tagged) frames.
"""

import select
import socket
import struct
import sys

ETH_P_ALL = 0x0003
SOL_PACKET = 263
PACKET_AUXDATA = 8  # the kernel strips the tag of a received frame into this message
PACKET_IGNORE_OUTGOING = 23
TP_STATUS_VLAN_VALID = 1 << 4
MAX_FRAME = 65536


def packet_socket(device):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind((device, 0))
    # promiscuous: the frames are for the host's MAC, not for this device's
    index = socket.if_nametoindex(device)
    s.setsockopt(SOL_PACKET, 1, struct.pack("iHH8s", index, 1, 0, b""))
    return s


def receive(s):
    """One frame and its VLAN id, None if untagged."""
    frame, ancillary, _, _ = s.recvmsg(MAX_FRAME, 256)
    for level, kind, data in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", data[:20])
            if status & TP_STATUS_VLAN_VALID:
                return frame, tci & 0xFFF
    return frame, None


def main():
    steps = {}
    poll = select.poll()
    for port in sys.argv[1:]:
        inside_name, trunk_name, vlan, pcp = port.split(",")
        inside, trunk = packet_socket(inside_name), packet_socket(trunk_name)
        tag = struct.pack("!HH", 0x8100, int(pcp) << 13 | int(vlan))
        accepted = {None, 0} if int(vlan) == 0 else {int(vlan)}

        def from_host(inside=inside, trunk=trunk, tag=tag):
            frame, _ = receive(inside)
            trunk.send(frame[:12] + tag + frame[12:])

        def from_trunk(inside=inside, trunk=trunk, accepted=accepted):
            frame, vlan_id = receive(trunk)
            if vlan_id in accepted:
                inside.send(frame)

        steps[inside.fileno()] = from_host
        steps[trunk.fileno()] = from_trunk
        poll.register(inside, select.POLLIN)
        poll.register(trunk, select.POLLIN)
    print("ready", flush=True)
    while True:
        for fd, _ in poll.poll():
            try:
                steps[fd]()
            except OSError:  # the host's link went down: the recording is ending
                pass


main()
