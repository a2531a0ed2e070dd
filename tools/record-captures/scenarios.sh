# Who talks to whom in each capture (sourced by record-captures.sh).
#
# Addresses are the documentation ranges (RFC 5737, RFC 3849). VMs have Hyper-V's MAC prefix
# 00:15:5d; peers, the machines out on the wire, have locally administered MACs.

declare -A services # multicast groups a host joins

# 4 VMs, two of them in VLANs; 4 peers. 22,000 frames in about 20 s.
scenario_lan() {
  services=(
    [vm1]="239.1.1.1 ff15::101" [vm2]="239.1.1.1 239.1.1.2" [vm3]="239.1.1.1" [vm4]="ff15::104"
    [peer1]="239.1.1.2" [peer2]="ff15::101"
  )
  host vm1 vm 00:15:5d:0a:00:01 - 0 192.0.2.11/24 2001:db8::11/64
  host vm2 vm 00:15:5d:0a:00:02 - 0 192.0.2.12/24 2001:db8::12/64
  host vm3 vm 00:15:5d:0a:00:03 100 0 198.51.100.13/24 2001:db8:100::13/64
  host vm4 vm 00:15:5d:0a:00:04 200 5 203.0.113.14/24 2001:db8:200::14/64
  host peer1 peer 02:00:5e:0a:00:21 - 0 192.0.2.21/24 2001:db8::21/64
  host peer2 peer 02:00:5e:0a:00:22 - 0 192.0.2.22/24 2001:db8::22/64
  host peer3 peer 02:00:5e:0a:00:23 100 0 198.51.100.23/24 2001:db8:100::23/64
  host peer4 peer 02:00:5e:0a:00:24 200 5 203.0.113.24/24 2001:db8:200::24/64
  lan_start

  # smallest frames: 18 payload bytes make 60 on the wire (64 with the check sequence)
  send peer1 udp 192.0.2.11 9 --sport 40000 --sports 8 --count 2600 --seconds 18
  send peer2 udp 192.0.2.11 9 --sport 40100 --sports 4 --count 1500 --seconds 18
  send peer2 udp 192.0.2.12 9 --sport 40200 --sports 8 --count 2600 --seconds 18
  send peer1 udp 2001:db8::12 9 --sport 40300 --sports 4 --count 1400 --seconds 18
  send peer3 udp 198.51.100.13 9 --sport 40400 --sports 8 --count 2600 --seconds 18
  send peer4 udp 203.0.113.14 9 --sport 40500 --sports 8 --count 2600 --seconds 18
  send peer1 udp 192.0.2.12 7 --sport 40600 --count 500 --seconds 15 --size 120 --echo
  send peer4 udp 2001:db8:200::14 7 --sport 40700 --count 200 --seconds 15 --size 300 --echo
  # largest frames, and datagrams in three fragments
  send peer1 udp 192.0.2.11 9 --sport 41000 --count 60 --seconds 16 --size 1472
  send peer2 udp 2001:db8::12 9 --sport 41100 --count 50 --seconds 16 --size 1452
  send peer3 udp 198.51.100.13 9 --sport 41200 --count 50 --seconds 16 --size 1472
  send peer2 udp 192.0.2.11 9 --sport 41300 --count 15 --seconds 16 --size 4000
  # bulk TCP, to the VMs and from one
  send peer1 tcp 192.0.2.11 9 --sport 42000 --bytes 400000 --seconds 16
  send peer2 tcp 2001:db8::12 9 --sport 42100 --bytes 180000 --seconds 15 --delay 1
  send peer3 tcp 198.51.100.13 9 --sport 42200 --bytes 200000 --seconds 14 --delay 2
  send peer4 tcp 203.0.113.14 9 --sport 42300 --bytes 180000 --seconds 14 --delay 1
  send peer2 fetch 192.0.2.12 19 --sport 42400 --bytes 120000 --delay 5
  # short connections
  send peer1 request 192.0.2.11 80 --sport 43000 --count 60 --seconds 17
  send peer2 request 192.0.2.12 80 --sport 43100 --count 60 --seconds 17
  send peer3 request 2001:db8:100::13 80 --sport 43200 --count 40 --seconds 17
  send peer4 request 203.0.113.14 80 --sport 43300 --count 40 --seconds 17
  # names: vm1 answers
  send peer1 dns 192.0.2.11 53 --sport 44000 --count 150 --seconds 17
  send peer2 dns 2001:db8::11 53 --sport 44100 --count 100 --seconds 17
  send vm2 dns 192.0.2.11 53 --sport 44200 --count 40 --seconds 17
  # multicast and broadcast
  send peer1 udp 239.1.1.1 9 --sport 45000 --count 150 --seconds 17 --size 200
  send peer2 udp 239.1.1.2 9 --sport 45100 --count 60 --seconds 17 --size 64
  send peer1 udp ff15::101 9 --sport 45200 --count 100 --seconds 17 --size 200
  send peer3 udp 239.1.1.1 9 --sport 45300 --count 80 --seconds 17 --size 100
  send peer4 udp ff15::104 9 --sport 45400 --count 80 --seconds 17 --size 100
  send vm1 udp 239.1.1.2 9 --sport 45500 --count 40 --seconds 17 --size 64
  send peer2 udp 255.255.255.255 9 --sport 46000 --count 80 --seconds 17 --size 64
  send peer4 udp 203.0.113.255 9 --sport 46100 --count 50 --seconds 17 --size 64
  send peer3 udp 198.51.100.255 9 --sport 46200 --count 40 --seconds 17 --size 64
  # echo requests
  flow peer1 ping -q -c 120 -i 0.14 192.0.2.11
  flow peer2 ping -q -c 100 -i 0.16 192.0.2.12
  flow peer3 ping -q -c 100 -i 0.16 198.51.100.13
  flow peer4 ping -q -c 80 -i 0.2 203.0.113.14
  flow peer1 ping -q -6 -c 100 -i 0.16 2001:db8::11
  flow peer4 ping -q -6 -c 60 -i 0.25 2001:db8:200::14
  flow peer3 ping -q -c 10 -i 1 -s 1472 198.51.100.13
  flow vm1 ping -q -c 20 -i 0.8 192.0.2.12
  # resolution again and again
  neighbours_forgotten 8 2
  flows_wait
}

neighbours_forgotten() { # TIMES PAUSE: every host forgets its ARP and ND entries
  local i name
  for ((i = 0; i < $1; i++)); do
    sleep "$2"
    for name in "${lan_hosts[@]:1}"; do in_ns "$name" ip neigh flush dev eth0; done
  done
}

# A name server and three that ask.
scenario_dns_udp() {
  services=()
  host names vm 00:15:5d:0b:00:01 - 0 192.0.2.53/24 2001:db8::53/64
  host ask1 peer 02:00:5e:0b:00:11 - 0 192.0.2.61/24 2001:db8::61/64
  host ask2 peer 02:00:5e:0b:00:12 - 0 192.0.2.62/24 2001:db8::62/64
  host ask3 vm 00:15:5d:0b:00:02 - 0 192.0.2.63/24 2001:db8::63/64
  lan_start
  send ask1 dns 192.0.2.53 53 --sport 50000 --count 300 --seconds 4
  send ask2 dns 2001:db8::53 53 --sport 50100 --count 250 --seconds 4
  send ask3 dns 192.0.2.53 53 --sport 50200 --count 150 --seconds 4
  flows_wait
}

# Two senders to one VM and one VM that sends.
scenario_bulk_tcp() {
  services=()
  host vm1 vm 00:15:5d:0c:00:01 - 0 192.0.2.71/24 2001:db8::71/64
  host vm2 vm 00:15:5d:0c:00:02 - 0 192.0.2.72/24 2001:db8::72/64
  host up1 peer 02:00:5e:0c:00:11 - 0 192.0.2.81/24 2001:db8::81/64
  host up2 peer 02:00:5e:0c:00:12 - 0 192.0.2.82/24 2001:db8::82/64
  lan_start
  send up1 tcp 192.0.2.71 9 --sport 51000 --bytes 160000 --seconds 1
  send up2 tcp 2001:db8::71 9 --sport 51100 --bytes 130000 --seconds 1
  send up2 fetch 192.0.2.72 19 --sport 51200 --bytes 80000
  flows_wait
}

# Three VLANs, one priority class each, a priority-tagged host (VLAN 0) and an untagged one.
scenario_vlan() {
  services=([blue1]="239.2.2.2" [green1]="239.2.2.2" [plain]="239.2.2.2")
  host blue1 vm 00:15:5d:0d:00:01 100 0 198.51.100.1/24 2001:db8:100::1/64
  host green1 vm 00:15:5d:0d:00:02 200 3 198.51.100.1/24 2001:db8:200::1/64
  host far1 vm 00:15:5d:0d:00:03 4094 7 203.0.113.1/24 2001:db8:4094::1/64
  host plain vm 00:15:5d:0d:00:04 - 0 192.0.2.1/24 2001:db8::1/64
  host blue2 peer 02:00:5e:0d:00:11 100 0 198.51.100.2/24 2001:db8:100::2/64
  host green2 peer 02:00:5e:0d:00:12 200 3 198.51.100.2/24 2001:db8:200::2/64
  host far2 peer 02:00:5e:0d:00:13 4094 7 203.0.113.2/24 2001:db8:4094::2/64
  host prio peer 02:00:5e:0d:00:14 0 4 192.0.2.2/24 2001:db8::2/64
  lan_start
  send blue2 udp 198.51.100.1 9 --sport 52000 --sports 4 --count 300 --seconds 4
  send green2 udp 198.51.100.1 9 --sport 52000 --sports 4 --count 300 --seconds 4
  send far2 udp 203.0.113.1 9 --sport 52000 --sports 4 --count 200 --seconds 4
  send prio udp 192.0.2.1 7 --sport 52000 --count 100 --seconds 4 --size 100 --echo
  send blue2 tcp 198.51.100.1 9 --sport 52100 --bytes 60000 --seconds 3
  send green2 tcp 2001:db8:200::1 9 --sport 52100 --bytes 60000 --seconds 3
  send prio request 192.0.2.1 80 --sport 52200 --count 10 --seconds 3
  send far2 udp 203.0.113.1 9 --sport 52300 --count 15 --seconds 3 --size 1472
  send blue2 udp 239.2.2.2 9 --sport 52400 --count 30 --seconds 3 --size 100
  send green2 udp 239.2.2.2 9 --sport 52400 --count 30 --seconds 3 --size 100
  send prio udp 255.255.255.255 9 --sport 52500 --count 20 --seconds 3 --size 100
  flow blue2 ping -q -c 15 -i 0.2 198.51.100.1
  flow green2 ping -q -6 -c 15 -i 0.2 2001:db8:200::1
  flow far2 ping -q -c 15 -i 0.2 203.0.113.1
  flow prio ping -q -c 15 -i 0.2 192.0.2.1
  flows_wait
}

# Groups joined by some hosts only; one IPv4 MAC group shared by two IP groups.
scenario_multicast() {
  services=(
    [vm1]="239.1.1.1 ff15::101 ff02::fb" [vm2]="239.1.1.2 224.0.0.251" [vm3]="239.129.1.1"
    [peer1]="ff15::102"
  )
  host vm1 vm 00:15:5d:0e:00:01 - 0 192.0.2.91/24 2001:db8::91/64
  host vm2 vm 00:15:5d:0e:00:02 - 0 192.0.2.92/24 2001:db8::92/64
  host vm3 vm 00:15:5d:0e:00:03 - 0 192.0.2.93/24 2001:db8::93/64
  host peer1 peer 02:00:5e:0e:00:11 - 0 192.0.2.101/24 2001:db8::101/64
  host peer2 peer 02:00:5e:0e:00:12 - 0 192.0.2.102/24 2001:db8::102/64
  lan_start
  send peer1 udp 239.1.1.1 9 --sport 53000 --count 150 --seconds 4 --size 200
  send peer2 udp 239.1.1.2 9 --sport 53100 --count 150 --seconds 4 --size 1200
  send peer2 udp 239.129.1.1 9 --sport 53200 --count 100 --seconds 4 --size 64
  send peer1 udp 224.0.0.251 9 --sport 53250 --count 40 --seconds 4 --size 60
  send peer1 udp ff15::101 9 --sport 53300 --count 120 --seconds 4 --size 200
  send vm1 udp ff15::102 9 --sport 53400 --count 60 --seconds 4 --size 400
  send peer2 udp 192.0.2.255 9 --sport 53500 --count 60 --seconds 4 --size 64
  send vm2 udp 255.255.255.255 9 --sport 53600 --count 40 --seconds 4 --size 64
  flows_wait
}

# Control traffic only; the big-endian file.
scenario_icmp_arp_nd() {
  services=()
  host vm1 vm 00:15:5d:0f:00:01 - 0 192.0.2.111/24 2001:db8::111/64
  host vm2 vm 00:15:5d:0f:00:02 - 0 192.0.2.112/24 2001:db8::112/64
  host vm3 vm 00:15:5d:0f:00:03 - 0 192.0.2.113/24 2001:db8::113/64
  host peer1 peer 02:00:5e:0f:00:11 - 0 192.0.2.121/24 2001:db8::121/64
  host peer2 peer 02:00:5e:0f:00:12 - 0 192.0.2.122/24 2001:db8::122/64
  host peer3 peer 02:00:5e:0f:00:13 - 0 192.0.2.123/24 2001:db8::123/64
  lan_start
  local peer vm
  for peer in 1 2 3; do
    for vm in 1 2 3; do
      flow peer$peer ping -q -c 20 -i 0.25 192.0.2.11$vm
      flow peer$peer ping -q -6 -c 20 -i 0.25 2001:db8::11$vm
    done
    flow peer$peer ping -q -c 4 -i 1 -s $((peer * 1400)) 192.0.2.111
    flow peer$peer ping -q -6 -c 4 -i 1 -s $((peer * 1400)) 2001:db8::112
  done
  neighbours_forgotten 5 1
  flows_wait
}
