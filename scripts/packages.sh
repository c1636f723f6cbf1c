# shellcheck shell=bash
# What the house needs of the system, and how each system calls it.
#
# Columns: list | how we know it is there | apt | dnf | pacman | zypper | what for
# A check is `cmd:NAME` (on the PATH, sbin included) or `file:PATH[,PATH…]` (one of them exists).
packages_table() {
  cat <<'TABLE'
build | cmd:clang                  | clang           | clang                  | clang           | clang             | compiles the kernel programs
build | cmd:gcc                    | gcc             | gcc                    | gcc             | gcc               | compiles libbpf and links
build | file:/usr/include/stdio.h  | libc6-dev       | glibc-devel            | glibc           | glibc-devel       | the C library's headers
build | cmd:make                   | make            | make                   | make            | make              | builds libbpf
build | cmd:pkg-config             | pkg-config      | pkgconf-pkg-config     | pkgconf         | pkg-config        | finds the libraries libbpf needs
build | file:/usr/include/libelf.h | libelf-dev      | elfutils-libelf-devel  | libelf          | libelf-devel      | libbpf reads object files with it
build | file:/usr/include/zlib.h   | zlib1g-dev      | zlib-devel             | zlib            | zlib-devel        | libelf needs it
build | file:/usr/include/pcap/pcap.h | libpcap-dev | libpcap-devel         | libpcap         | libpcap-devel     | compiles filters of captures
build | file:/etc/ssl/certs/ca-certificates.crt,/etc/pki/tls/certs/ca-bundle.crt,/etc/ssl/ca-bundle.pem | ca-certificates | ca-certificates | ca-certificates | ca-certificates | lets cargo trust the crate registry
test  | cmd:ip                     | iproute2        | iproute                | iproute2        | iproute2          | network namespaces for the tests
test  | cmd:ping                   | iputils-ping    | iputils                | iputils         | iputils           | traffic for the tests
test  | cmd:iperf3                 | iperf3          | iperf3                 | iperf3          | iperf             | traffic for the tests
test  | cmd:tcpdump                | tcpdump         | tcpdump                | tcpdump         | tcpdump           | a second opinion on what passed
test  | cmd:tshark               | tshark          | wireshark-cli          | wireshark-cli   | wireshark         | a second opinion on captures' files
test  | cmd:bpftool                | bpftool         | bpftool                | bpf             | bpftool           | a second opinion on what programs cost
test  | cmd:ethtool                | ethtool         | ethtool                | ethtool         | ethtool           | offloads of test interfaces
test  | cmd:nft                | nftables        | nftables               | nftables        | nftables          | drops by a firewall's rule, in the tests
test  | cmd:dnsmasq            | dnsmasq-base    | dnsmasq                | dnsmasq         | dnsmasq           | a resolver, whose log the requests are held against
test  | cmd:dnsperf            | dnsperf         | dnsperf                | dnsperf         | dnsperf           | questions for the resolver
test  | cmd:curl               | curl            | curl                   | curl            | curl              | requests for a web server
test  | cmd:openssl            | openssl         | openssl                | openssl         | openssl           | certificates for it
test  | cmd:setpriv                | util-linux      | util-linux             | util-linux      | util-linux        | runs the rig without its rights
overhead | cmd:ip                | iproute2        | iproute                | iproute2        | iproute2          | network namespaces for the loads
overhead | cmd:ethtool           | ethtool         | ethtool                | ethtool         | ethtool           | offloads of their interfaces
overhead | cmd:iperf3            | iperf3          | iperf3                 | iperf3          | iperf             | the bulk load
stress | cmd:ip                  | iproute2        | iproute                | iproute2        | iproute2          | network namespaces for the scenarios
stress | cmd:ethtool             | ethtool         | ethtool                | ethtool         | ethtool           | offloads of their interfaces
contenders | cmd:tcpdump         | tcpdump         | tcpdump                | tcpdump         | tcpdump           | measured beside the rig
contenders | cmd:softflowd       | softflowd       | softflowd              | softflowd       | softflowd         | measured beside the rig
contenders | cmd:pmacctd         | pmacct          | pmacct                 | pmacct          | pmacct            | measured beside the rig
lint  | cmd:clang-format           | clang-format    | clang-tools-extra      | clang           | clang             | checks the C formatting
lint  | cmd:shellcheck             | shellcheck      | ShellCheck             | shellcheck      | ShellCheck        | checks the shell scripts
kernels | cmd:qemu-system-x86_64   | qemu-system-x86 | qemu-system-x86        | qemu-system-x86 | qemu-x86          | boots other kernels
kernels | cmd:busybox              | busybox-static  | busybox                | busybox         | busybox-static    | all that a guest has of a system
kernels | cmd:cpio                 | cpio            | cpio                   | cpio            | cpio              | packs a guest's files
kernels | cmd:depmod               | kmod            | kmod                   | kmod            | kmod              | finds a guest's modules
kernels | cmd:xz                   | xz-utils        | xz                     | xz              | xz                | unpacks a guest's modules
TABLE
}

# present CHECK
present() {
  local kind="${1%%:*}" what="${1#*:}" path
  if [[ $kind == cmd ]]; then
    PATH="$PATH:/usr/sbin:/sbin" has "$what"
    return
  fi
  for path in ${what//,/ }; do
    [[ -e $path ]] && return 0
  done
  return 1
}

# missing_packages COLUMN LIST…: one line `name|what for` for each package of the lists that is not there.
missing_packages() {
  local column="$1" list check apt dnf pacman zypper why name
  shift
  # shellcheck disable=SC2034  # the columns are read by name: ${!column}
  while IFS='|' read -r list check apt dnf pacman zypper why; do
    read -r list <<<"$list"
    read -r check <<<"$check"
    [[ " $* " == *" $list "* ]] || continue
    present "$check" && continue
    read -r name <<<"${!column}"
    printf '%s|%s\n' "$name" "${why# }"
  done < <(packages_table)
}

# need_packages LIST…: installs what is missing where apt rules, else names it and stops.
need_packages() {
  local column
  column="$(package_manager)"
  local -a lines
  mapfile -t lines < <(missing_packages "${column/other/apt}" "$@")
  [[ ${#lines[@]} -eq 0 ]] && return 0
  local line
  say "missing on this machine:"
  for line in "${lines[@]}"; do say "  ${line%%|*}: ${line#*|}"; done
  local -a names=("${lines[@]%%|*}")
  case "$column" in
    apt) apt_install "${names[@]}" ;;
    dnf) fail "install them and run this again: sudo dnf install ${names[*]}" ;;
    pacman) fail "install them and run this again: sudo pacman -S ${names[*]}" ;;
    other) fail "install them and run this again (these are Debian's names): ${names[*]}" ;;
    zypper) fail "install them and run this again: sudo zypper install ${names[*]}" ;;
  esac
}

# The package manager whose names we know: apt, dnf, pacman or zypper.
package_manager() {
  local manager
  for manager in apt-get dnf pacman zypper; do
    if has "$manager"; then
      echo "${manager%-get}"
      return
    fi
  done
  echo other
}

apt_install() {
  say "installing by apt: $*"
  local -a apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
  as_root "apt-get update" "${apt[@]}" update || say "apt-get update had errors; trying with the lists there are"
  # Dpkg::Use-Pty=0 keeps the terminal's control characters out of logs.
  as_root "apt-get install" "${apt[@]}" -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@" >"$WORK_DIR/apt.log" 2>&1 ||
    {
      tail -n 20 "$WORK_DIR/apt.log" >&2
      fail "apt-get could not install: $* (its whole output: $WORK_DIR/apt.log)"
    }
}
