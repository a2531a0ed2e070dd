#!/usr/bin/env bash
# Records the captures of captures/: traffic of real Linux network stacks, each host a network
# namespace, joined by a Linux bridge. No traffic leaves the namespaces.
#
#   sudo tools/record-captures/record-captures.sh OUTDIR [NAME...]     (all captures, or only those named)
#
# Debian: apt-get install iproute2 ethtool iputils-ping tcpdump tshark python3
#
# Ends with a checklist (report.py) and fails if a kind of frame is missing,
# a frame was lost or a checksum is wrong.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() { sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

probe() {
  local tool missing=()
  for tool in ip tc ethtool ping tcpdump tshark capinfos python3; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  if ((${#missing[@]})); then
    echo "missing: ${missing[*]} (Debian: apt-get install iproute2 ethtool iputils-ping tcpdump tshark python3)" >&2
    exit 2
  fi
  if ((EUID != 0)); then
    echo "root is needed to make network namespaces; expected: sudo $0 OUTDIR" >&2
    exit 2
  fi
}

if (($# == 0)) || [[ $1 == -* ]]; then
  usage
  exit 2
fi
probe
mkdir -p "$1"
outdir=$(cd "$1" && pwd)
shift

work=$(mktemp -d)
export PYTHONDONTWRITEBYTECODE=1
if [[ ! -e $outdir/hosts.tsv ]]; then
  printf 'capture\thost\trole\tmac\tvlan\tpcp\tipv4\tipv6\n' >"$outdir/hosts.tsv"
fi
# shellcheck source=lan.sh
source "$here/lan.sh"
# shellcheck source=scenarios.sh
source "$here/scenarios.sh"
trap 'lan_destroy; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# the captures and their formats; scenario_NAME in scenarios.sh makes the traffic of each
declare -A format=(
  [lan.pcapng]=pcapng
  [vlan.pcapng]=pcapng
  [multicast.pcapng]=pcapng
  [dns-udp.pcap]=pcap-us-le
  [bulk-tcp.pcap]=pcap-ns-le
  [icmp-arp-nd.pcap]=pcap-us-be
)
if (($# == 0)); then
  set -- lan.pcapng dns-udp.pcap bulk-tcp.pcap vlan.pcapng multicast.pcapng icmp-arp-nd.pcap
fi

for file in "$@"; do
  if [[ -z ${format[$file]:-} ]]; then
    echo "unknown capture '$file'; expected one of: ${!format[*]}" >&2
    exit 2
  fi
  echo "== $file"
  lan_create "$file"
  "scenario_$(tr -c 'a-z\n' _ <<<"${file%.*}")"
  lan_finish
  python3 "$here/rewrite.py" --format "${format[$file]}" --inside "$lan_inside" \
    "$work/raw.pcap" "$outdir/$file"
  lan_destroy
done

python3 "$here/report.py" "$outdir"
