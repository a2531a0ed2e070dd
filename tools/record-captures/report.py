"""Checks the captures of a directory against what each must hold, and writes its README.md.

  report.py DIR        (DIR has the captures and the hosts.tsv that the recording left)

tshark, an independent reader, does the counting. Exit status 1 if a check fails.
"""

import csv
import os
import subprocess
import sys

LIMIT_BYTES = 8 * 1024 * 1024
CHECKSUMS = ["ip", "tcp", "udp", "icmp", "icmpv6"]
BAD_CHECKSUM = " || ".join(f"{protocol}.checksum.status==0" for protocol in CHECKSUMS)
# capinfos lines that tell of the recording machine
MACHINE_TRACES = ["Capture hardware", "Capture oper-sys", "Operating system", "Hardware", "Capture comment"]

# kind of frame: display filter
KINDS = {
    "IPv4": "ip",
    "IPv6": "ipv6",
    "TCP": "tcp",
    "TCP, 1514 bytes and more": "tcp && frame.len >= 1514",
    "TCP retransmission": "tcp.analysis.retransmission",
    "UDP": "udp",
    "UDP, IPv6": "udp && ipv6",
    "DNS query": "dns.flags.response==0",
    "DNS response": "dns.flags.response==1",
    "ICMP echo": "icmp.type==8 || icmp.type==0",
    "ICMPv6 echo": "icmpv6.type==128 || icmpv6.type==129",
    "ARP request": "arp.opcode==1",
    "ARP reply": "arp.opcode==2",
    "IPv6 neighbour solicitation": "icmpv6.type==135",
    "IPv6 neighbour advertisement": "icmpv6.type==136",
    "IPv6 router solicitation": "icmpv6.type==133",
    "IGMP": "igmp",
    "MLD": "icmpv6.type==143",
    "Multicast, IPv4": "eth.dst[0:3]==01:00:5e",
    "Multicast, IPv6": "eth.dst[0:2]==33:33",
    "Broadcast": "eth.dst==ff:ff:ff:ff:ff:ff",
    "Broadcast, UDP": "eth.dst==ff:ff:ff:ff:ff:ff && udp",
    "IPv4 fragments": "ip.flags.mf==1 || ip.frag_offset>0",
    "IPv6 fragments": "ipv6.fraghdr",
    "Tagged": "vlan",
    "VLAN 0 (priority tag)": "vlan.id==0",
    "VLAN 100": "vlan.id==100",
    "VLAN 200": "vlan.id==200",
    "VLAN 4094": "vlan.id==4094",
    "Priority other than 0": "vlan.priority>0",
    "64 bytes or fewer": "frame.len<=64",
    "1514 bytes and more": "frame.len>=1514",
}

CONTROL = ["ARP request", "ARP reply", "IPv6 neighbour solicitation", "IPv6 neighbour advertisement"]
NOT_IN_LAN = ["VLAN 0 (priority tag)", "VLAN 4094", "IPv6 fragments", "TCP retransmission"]
# capture: (most bytes, least frames, least hosts, kinds that must be there, what it is for)
CAPTURES = {
    "lan.pcapng": (
        5_000_000, 20_000, 6,
        [kind for kind in KINDS if kind not in NOT_IN_LAN],
        "Everything at once: four VMs, two of them in VLANs, and four peers",
    ),
    "dns-udp.pcap": (500_000, 1_000, 4, ["DNS query", "DNS response", "UDP, IPv6", *CONTROL], "A name server"),
    "bulk-tcp.pcap": (500_000, 300, 4, ["TCP, 1514 bytes and more", "IPv6", *CONTROL], "Bulk TCP both ways"),
    "vlan.pcapng": (
        500_000, 1_500, 8,
        ["VLAN 0 (priority tag)", "VLAN 100", "VLAN 200", "VLAN 4094", "Priority other than 0",
         "Broadcast, UDP", "Multicast, IPv4", "1514 bytes and more", *CONTROL],
        "Three VLANs that reuse addresses, a priority-tagged and an untagged host",
    ),
    "multicast.pcapng": (
        500_000, 700, 5,
        ["IGMP", "MLD", "Multicast, IPv4", "Multicast, IPv6", "Broadcast, UDP"],
        "Groups joined by some; 239.1.1.1 and 239.129.1.1 share a MAC address",
    ),
    "icmp-arp-nd.pcap": (
        500_000, 700, 6,
        ["ICMP echo", "ICMPv6 echo", "IPv4 fragments", "IPv6 fragments", "IPv6 router solicitation", *CONTROL],
        "Control traffic",
    ),
}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def count(path, display_filter):
    options = [o for p in ("ip", "tcp", "udp") for o in ("-o", f"{p}.check_checksum:TRUE")]
    return len(run("tshark", "-n", *options, "-r", path, "-Y", display_filter, "-T", "fields", "-e", "frame.number").split())


def capinfos(path):
    lines = run("capinfos", "-M", path).splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def format_of(path):
    """The format, read from the file's first bytes."""
    with open(path, "rb") as f:
        magic = f.read(4).hex()
    return {
        "0a0d0d0a": "pcapng, ns, little-endian",
        "d4c3b2a1": "pcap, us, little-endian",
        "4d3cb2a1": "pcap, ns, little-endian",
        "a1b2c3d4": "pcap, us, big-endian",
    }.get(magic, f"unknown ({magic})")


class Checklist:
    def __init__(self):
        self.failed = 0

    def check(self, holds, text):
        print(f"  {'ok  ' if holds else 'FAIL'} {text}")
        self.failed += not holds


def examine(path, name, hosts, checklist):
    """Checks one capture; returns its row of facts for README.md."""
    most_bytes, least_frames, least_hosts, required, purpose = CAPTURES[name]
    print(name)
    info = capinfos(path)
    size, frames = os.path.getsize(path), int(info["Number of packets"])
    counts = {kind: count(path, text) for kind, text in KINDS.items()}
    sources = set(run("tshark", "-n", "-r", path, "-T", "fields", "-e", "eth.src").split())
    inside = {host["mac"] for host in hosts if host["role"] == "vm"}
    wanted = " || ".join(f"eth.dst=={mac}" for mac in inside)

    checklist.check(size <= most_bytes, f"{size} bytes, at most {most_bytes}")
    checklist.check(frames >= least_frames, f"{frames} frames, at least {least_frames}")
    checklist.check(len(sources) >= least_hosts, f"{len(sources)} hosts sent, at least {least_hosts}")
    checklist.check(sources == {h["mac"] for h in hosts}, "every source MAC is a host of hosts.tsv")
    for kind in required:
        checklist.check(counts[kind] > 0, f"{kind}: {counts[kind]}")
    checklist.check(count(path, BAD_CHECKSUM) == 0, "no wrong checksum")
    checklist.check(count(path, "_ws.malformed") == 0, "no malformed frame")
    checklist.check(count(path, "frame.len > 1518") == 0, "no frame longer than 1518 bytes")
    checklist.check(info["Strict time order"] == "True", "in order of time")
    checklist.check(not set(MACHINE_TRACES) & set(info), "no trace of the machine in the file's header")
    return {
        "name": name, "format": format_of(path), "frames": frames, "size": size, "hosts": len(hosts),
        "seconds": float(info["Capture duration"].split()[0]), "purpose": purpose, "counts": counts,
        "to_vms": count(path, wanted),
    }


HEAD = """# Captures

Traffic of real Linux network stacks, for replay. Each host is a network namespace with its own
stack; a Linux bridge joins them. Nothing here was taken from a network in use: the addresses are
the documentation ranges (RFC 5737, RFC 3849), names end in `.example`, payloads are patterns.

Recorded by [`tools/record-captures.sh`](../tools/record-captures.sh); again with
`sudo tools/record-captures.sh captures` (Debian, root, two minutes). This page is written by
`tools/record-captures/report.py`, from what tshark and capinfos count. `hosts.tsv` lists the hosts
for programs.
"""

NOTES = """
## What a frame here is

- **Each frame once.** It is recorded where it enters the bridge, however many ports it is flooded
  to. The recording fails unless the bridge ports' counters agree with it.
- **Whole and of wire size.** Offloads are off: no segment larger than the MTU, every checksum
  computed by the sending stack. Nothing is cut; there is no frame check sequence.
- **Not padded.** veth does not pad to 60 bytes as an Ethernet transmitter does: an untagged ARP
  frame has 42. A replay onto a wire pads it.
- **Tags are in the bytes.** Hosts in a VLAN sit behind an access port
  (`tools/record-captures/access-port.py`), which adds and removes the tag as a switch does; the
  bridge carries tagged frames. The bridge itself does not filter VLANs: the access ports do.
- **VM or peer.** VMs are meant to live behind the NIC under test, peers out on the wire. In pcapng
  files `epb_flags` says so from that NIC's side: inbound if a peer sent the frame, outbound if a
  VM did. A replay has the first arrive from the wire, and the VMs send the second.
- **Time** is the kernel's; frames are sorted by it, because two processors may hand over two frames
  tens of microseconds the wrong way round.
- A new recording has the same hosts, source ports and payloads, but other times, TCP sequence
  numbers and interleaving, and a few frames more or less.

## What is not in them

No jumbo frame, stacked tag or tunnel; no loss on the way, and TCP retransmissions only where a
busy recording machine made a sender impatient (see the table); no traffic of a physical network.
"""


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def readme(facts, hosts):
    text = HEAD + "\n## Files\n\n"
    text += table(
        ["File", "Format", "Frames", "Bytes", "Seconds", "Hosts", "Unicast to VMs", "What"],
        [[f"`{f['name']}`", f["format"], f["frames"], f["size"], f"{f['seconds']:.1f}", f["hosts"], f["to_vms"], f["purpose"]]
         for f in facts],
    )
    text += "\n## Frames by kind\n\nA frame may be of several kinds.\n\n"
    text += table(
        ["Kind", *(f"`{f['name'].split('.')[0]}`" for f in facts)],
        [[kind, *(f["counts"][kind] or "" for f in facts)] for kind in KINDS],
    )
    text += "\n## Hosts\n\n"
    text += table(
        ["File", "Host", "Role", "MAC", "VLAN", "Priority", "IPv4", "IPv6"],
        [[f"`{h['capture']}`", h["host"], h["role"], f"`{h['mac']}`",
          "" if h["vlan"] == "-" else h["vlan"], "" if h["vlan"] == "-" else h["pcp"], h["ipv4"], h["ipv6"]]
         for f in facts for h in hosts if h["capture"] == f["name"]],
    )
    return text + NOTES


def main():
    directory = sys.argv[1]
    with open(os.path.join(directory, "hosts.tsv"), newline="", encoding="ascii") as f:
        hosts = list(csv.DictReader(f, delimiter="\t"))
    checklist = Checklist()
    present = [name for name in CAPTURES if os.path.exists(os.path.join(directory, name))]
    facts = [
        examine(os.path.join(directory, name), name, [h for h in hosts if h["capture"] == name], checklist)
        for name in present
    ]
    print("all captures")
    total = sum(f["size"] for f in facts)
    checklist.check(total <= LIMIT_BYTES, f"{total} bytes, at most {LIMIT_BYTES}")
    for name in CAPTURES:
        if name not in present:
            print(f"  note {name} was not recorded")
    with open(os.path.join(directory, "README.md"), "w", encoding="ascii") as f:
        f.write(readme(facts, hosts))
    if checklist.failed:
        raise SystemExit(f"{checklist.failed} checks failed")


main()
