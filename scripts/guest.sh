#!/bin/busybox sh
# shellcheck shell=dash
# The init of a guest that `./dev kernels` boots: all it has is busybox, netrig and the tests of its programs.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
for module in /modules/*.ko; do insmod "$module" 2>/dev/null; done
ip link set lo up
stty -F /dev/ttyS1 raw -echo
stty -F /dev/ttyS2 raw -echo

# The rig on loopback, a few packets, and what it tells of them; then it must end by itself and well.
live() {
  NETRIG_STORE__ENABLED=false NETRIG_LATENCY__SAMPLING=1 netrig run -i lo >/tmp/log 2>&1 &
  rig=$!
  waited=0
  until wget -q -O /dev/null http://127.0.0.1:9798/healthz; do
    waited=$((waited + 1))
    if [ "$waited" -gt 60 ] || ! kill -0 "$rig"; then
      cat /tmp/log
      return 1
    fi
    sleep 1
  done
  ping -c 3 -i 0.2 127.0.0.1 >/dev/null
  netrig flows --by transport --json 2>/tmp/words >/tmp/flows
  grep '"transport":"icmp"' /tmp/flows || {
    cat /tmp/words /tmp/flows /tmp/log
    return 1
  }
  wget -q -O - http://127.0.0.1:9798/api/v1/connections | grep -m 1 '"process":"wget"' || {
    cat /tmp/log
    return 1
  }
  wget -q -O - http://127.0.0.1:9798/api/v1/latency | grep -m 1 '"service":"host"' || {
    cat /tmp/log
    return 1
  }
  # A question where nobody listens is dropped, with a reason.
  timeout 2 nslookup nobody 127.0.0.1 >/dev/null 2>&1
  wget -q -O - http://127.0.0.1:9798/metrics | grep -E '^netrig_(interface_hook|ledger_imbalance|burst_peak|drops_uncounted)'
  wget -q -O - http://127.0.0.1:9798/api/v1/drops | grep -m 1 '"reason":"NO_SOCKET"' || {
    cat /tmp/log
    return 1
  }
  kill -TERM "$rig"
  wait "$rig"
}

# Policies that use all there is: each kernel's verifier has its own mind. A capture without packets is enough to have them loaded.
policies() {
  printf '\324\303\262\241\2\0\4\0\0\0\0\0\0\0\0\0\377\377\0\0\1\0\0\0' >/tmp/empty.pcap
  cat >/tmp/all.toml <<'TOML'
fragments = "drop"
[management]
allow = ["10.9.0.0/16", "2001:db9::/48"]
[[rule]]
id = "prefixes"
match = { src = ["192.0.2.0/24", "198.51.100.7", "2001:db8::/32", "2001:db8:1::7"], dst = ["!203.0.113.0/24"] }
action = "drop"
[[rule]]
id = "ports"
match = { protocol = ["tcp", "udp"], src_port = "1-1023", dst_port = [53, "8000-9000"] }
action = { limit = { packets_per_second = 10, per = "src/24" } }
[[rule]]
id = "bytes"
match = { protocol = "udp", dst_port = 9999 }
action = { limit = { bytes_per_second = "1MiB" } }
[[rule]]
id = "odd"
match = { length = ">1000", vlan = ["none", "5-9"], fragment = false, iface = "lo", src_mac = "02:00:00:00:00:01", dst_mac = "02:00:00:00:00:02" }
action = { sample = { one_in = 10 } }
[[rule]]
id = "flags"
match = { tcp_flags = ["syn,!ack", "fin"], ethertype = "ipv4" }
action = "count"
ttl = "1h"
mode = "shadow"
[[rule]]
id = "guard"
match = { protocol = "tcp", dst_port = 80 }
action = { syn-guard = { above_per_second = 100 } }
[[rule]]
id = "away"
match = { icmp_type = "echo-request" }
action = { redirect = { interface = "lo" } }
[[rule]]
id = "aside"
match = { protocol = "sctp" }
action = { redirect = { cpu = 0 } }
TOML
  cp /tmp/all.toml /tmp/many.toml
  for n in $(seq 1 90); do
    printf '[[rule]]\nid = "r%s"\nmatch = { protocol = "udp", dst_port = %s, length = "<%s" }\naction = "drop"\n' "$n" "$((10000 + n))" "$n"
  done >>/tmp/many.toml
  netrig policy test /tmp/all.toml /tmp/empty.pcap || return 1
  netrig policy test /tmp/many.toml /tmp/empty.pcap >/tmp/many 2>&1 || { cat /tmp/many; return 1; }
}

# What is captured at each hook, with a filter; of what is sent, whose it is.
captures() {
  for hook in ingress egress xdp drop; do
    netrig capture -i lo --hook "$hook" -w "/tmp/$hook.pcapng" 'udp port 53 and ip[8] > 0 and udp[(udp[4:2] - 8)] >= 0' >/tmp/words 2>&1 &
    capture=$!
    waited=0
    until grep -q 'capturing on' /tmp/words; do
      waited=$((waited + 1))
      if [ "$waited" -gt 60 ] || ! kill -0 "$capture"; then
        cat /tmp/words
        return 1
      fi
      sleep 1
    done
    timeout 2 nslookup nobody 127.0.0.1 >/dev/null 2>&1
    kill -INT "$capture"
    wait "$capture" || { cat /tmp/words; return 1; }
    grep -E ' [1-9][0-9]* packets written' /tmp/words || { cat /tmp/words; return 1; }
    [ "$hook" != egress ] || grep -q 'nslookup\[' "/tmp/$hook.pcapng" || { echo "nobody's at $hook"; return 1; }
  done
}

steps() {
  code=0
  # A host without v2 control groups is told what it has to do without; with them all can run.
  netrig check >/tmp/without && code=1
  grep 'no .*tcp .*control groups' /tmp/without || { cat /tmp/without; code=1; }
  mount -t cgroup2 cgroup /sys/fs/cgroup
  netrig check || code=1
  real_programs --test-threads=1 || code=1
  connections --skip namespace || code=1
  # All forms of the programs, and all ways of parsing.
  payload --test-threads=1 every_form the_programs_follow first_packets || code=1
  policies || code=1
  captures || code=1
  live || code=1
  return "$code"
}

steps </dev/null >/dev/ttyS1 2>&1
echo $? >/dev/ttyS2
sync
poweroff -f
