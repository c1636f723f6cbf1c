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

steps() {
  code=0
  # A host without v2 control groups is told what it has to do without; with them all can run.
  netrig check >/tmp/without && code=1
  grep 'no .*tcp .*control groups' /tmp/without || { cat /tmp/without; code=1; }
  mount -t cgroup2 cgroup /sys/fs/cgroup
  netrig check || code=1
  real_programs --test-threads=1 || code=1
  connections --skip namespace || code=1
  live || code=1
  return "$code"
}

steps </dev/null >/dev/ttyS1 2>&1
echo $? >/dev/ttyS2
sync
poweroff -f
