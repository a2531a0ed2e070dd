# One LAN of namespaces (sourced by record-captures.sh).
#
#   vmqrec-NAME               vmqrec-lan
#   eth0 ===================== p-NAME --.                 untagged host
#                                       +-- br0
#   eth0 == a-NAME [access port] t-NAME == p-NAME --'     host in a VLAN
#
#   every p-*: tc ingress mirror --> mir0 == mir1 --> tcpdump
#
# A frame is mirrored where it enters the bridge: each frame is recorded once, in sending
# order, however many ports it is flooded to. The access port (access-port.py) does what an
# access port of a switch does: it tags what the host sends and untags what is for its VLAN.
# So the host's stack is untouched, and neither 8021q nor bridge VLAN filtering is needed.

lan_prefix=vmqrec-
lan_hosts=()   # names
lan_pids=()    # what runs in the background: services, access ports, tcpdump
lan_flows=()   # senders still running
lan_ports=()   # arguments of access-port.py
lan_inside=    # MACs of the hosts behind the NIC, comma-separated
lan_name=

# In the background, `ip netns exec` is written out where it is used: a function would run in a
# subshell, and $! would be the subshell's id, not the program's.
in_ns() { # NAME COMMAND...
  local name=$1
  shift
  ip netns exec "$lan_prefix$name" "$@"
}

plain_wire() { # NAME DEV: no offload, so frames have wire size and real checksums
  in_ns "$1" ethtool -K "$2" tx off rx off tso off gso off gro off txvlan off rxvlan off >/dev/null 2>&1
}

lan_create() { # CAPTURE
  lan_name=$1
  lan_hosts=() lan_pids=() lan_flows=() lan_ports=() lan_inside=
  sed -i "/^$lan_name\t/d" "$outdir/hosts.tsv" 2>/dev/null || true
  ip netns add "${lan_prefix}lan"
  lan_hosts+=(lan)
  in_ns lan sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  in_ns lan ip link add br0 type bridge stp_state 0 mcast_snooping 0
  in_ns lan ip link set br0 up
  in_ns lan ip link add mir0 type veth peer name mir1
  plain_wire lan mir0
  plain_wire lan mir1
  in_ns lan ip link set mir0 up
  in_ns lan ip link set mir1 up
}

# host NAME ROLE MAC VLAN PCP IPV4/LEN IPV6/LEN
# ROLE: vm (behind the NIC) or peer (out on the wire). VLAN: "-" untagged, 0 priority tag only.
host() {
  local name=$1 role=$2 mac=$3 vlan=$4 pcp=$5 ipv4=$6 ipv6=$7 far=p-$1
  ip netns add "$lan_prefix$name"
  lan_hosts+=("$name")
  in_ns lan ip link add "p-$name" type veth peer name "t-$name"
  if [[ $vlan != - ]]; then
    far=a-$name
    in_ns lan ip link add "a-$name" type veth peer name "h-$name"
    in_ns lan ip link set "h-$name" netns "$lan_prefix$name" name eth0
    plain_wire lan "t-$name"
    in_ns lan ip link set "t-$name" up
    lan_ports+=("a-$name,t-$name,$vlan,$pcp")
  else
    in_ns lan ip link set "t-$name" netns "$lan_prefix$name" name eth0
  fi
  plain_wire lan "$far"
  plain_wire lan "p-$name"
  plain_wire "$name" eth0
  in_ns lan tc qdisc add dev "p-$name" clsact
  in_ns lan tc filter add dev "p-$name" ingress protocol all u32 match u32 0 0 \
    action mirred egress mirror dev mir0
  in_ns lan ip link set "p-$name" master br0
  in_ns lan ip link set "$far" up
  in_ns lan ip link set "p-$name" up

  in_ns "$name" ip link set lo up
  in_ns "$name" ip link set eth0 address "$mac"
  # gratuitous ARP and unsolicited NA on link up; link-local address from the MAC
  in_ns "$name" sysctl -qw net.ipv4.conf.eth0.arp_notify=1 net.ipv6.conf.eth0.ndisc_notify=1 \
    net.ipv6.conf.eth0.addr_gen_mode=0 net.ipv6.conf.eth0.use_tempaddr=0
  in_ns "$name" ip addr add "$ipv4" brd + dev eth0
  in_ns "$name" ip addr add "$ipv6" dev eth0
  if [[ $role == vm ]]; then lan_inside+=${lan_inside:+,}$mac; fi
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$lan_name" "$name" "$role" "$mac" "$vlan" "$pcp" \
    "$ipv4" "$ipv6" >>"$outdir/hosts.tsv"
}

wait_for_line() { # FILE TEXT
  local tries
  for ((tries = 0; tries < 200; tries++)); do
    grep -qs "$2" "$1" && return
    sleep 0.05
  done
  echo "no '$2' within 10 s in $(basename "$1"): $(cat "$1")" >&2
  exit 1
}

# Starts the access ports and the recording, then the hosts: address detection, router
# solicitations and group reports of the starting stacks are recorded too.
lan_start() {
  local name
  if ((${#lan_ports[@]})); then
    ip netns exec "${lan_prefix}lan" python3 "$here/access-port.py" "${lan_ports[@]}" >"$work/ports.log" 2>&1 &
    lan_pids+=($!)
    wait_for_line "$work/ports.log" ready
  fi
  ip netns exec "${lan_prefix}lan" tcpdump -i mir1 -Q in -n -p -U -B 16384 -s 0 --time-stamp-precision=nano \
    -Z root -w "$work/raw.pcap" >"$work/tcpdump.log" 2>&1 &
  lan_tcpdump=$!
  lan_pids+=("$lan_tcpdump")
  wait_for_line "$work/tcpdump.log" 'listening on'
  for name in "${lan_hosts[@]:1}"; do
    in_ns "$name" ip link set eth0 up
    # limited broadcast and multicast leave by eth0
    in_ns "$name" ip route add 255.255.255.255/32 dev eth0
    in_ns "$name" ip route add 224.0.0.0/4 dev eth0
  done
  for name in "${lan_hosts[@]:1}"; do
    : >"$work/serve-$name.log"
    # shellcheck disable=SC2086 # a list of groups
    ip netns exec "$lan_prefix$name" python3 "$here/serve.py" ${services[$name]:-} \
      >"$work/serve-$name.log" 2>&1 &
    lan_pids+=($!)
  done
  for name in "${lan_hosts[@]:1}"; do wait_for_line "$work/serve-$name.log" ready; done
  sleep 2.5 # duplicate address detection
}

flow() { # HOST COMMAND...: one sender in the background
  local name=$1
  shift
  ip netns exec "$lan_prefix$name" "$@" >"$work/flow-${#lan_flows[@]}.log" 2>&1 &
  lan_flows+=($!)
}

send() { # HOST ARGUMENTS of send.py
  local name=$1
  shift
  flow "$name" python3 "$here/send.py" "$@"
}

flows_wait() {
  local i
  for i in "${!lan_flows[@]}"; do
    if ! wait "${lan_flows[$i]}"; then
      echo "a sender failed: $(cat "$work/flow-$i.log")" >&2
      exit 1
    fi
  done
  lan_flows=()
}

# Stops the hosts, then compares what the bridge ports received with what was recorded.
lan_finish() {
  local name received=0 recorded dropped
  for name in "${lan_hosts[@]:1}"; do in_ns "$name" ip link set eth0 down; done
  sleep 1
  for name in "${lan_hosts[@]:1}"; do
    received=$((received + $(in_ns lan cat "/sys/class/net/p-$name/statistics/rx_packets")))
  done
  kill -TERM "$lan_tcpdump"
  wait "$lan_tcpdump" || true
  recorded=$(sed -n 's/^\([0-9]*\) packets\? captured/\1/p' "$work/tcpdump.log")
  dropped=$(sed -n 's/^\([0-9]*\) packets\? dropped by kernel/\1/p' "$work/tcpdump.log")
  echo "ports received $received frames, recorded $recorded, dropped $dropped"
  if [[ $received != "$recorded" || $dropped != 0 ]]; then
    echo "the recording is not complete" >&2
    exit 1
  fi
}

lan_destroy() {
  local pid name
  for pid in "${lan_flows[@]}" "${lan_pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${lan_flows[@]}" "${lan_pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  for name in "${lan_hosts[@]}"; do ip netns del "$lan_prefix$name" 2>/dev/null || true; done
  lan_hosts=() lan_pids=() lan_flows=()
}
