# shellcheck shell=bash
# `./dev kernels [SERIES]…`: the rig under Debian's other kernels, booted by QEMU in software, no rights needed.
#
# Each kernel gets an initramfs with busybox, the binaries and what they link; the guest's init runs scripts/guest.sh
# and hands back its output and exit code over two serial lines. No disk image, no network, nothing installed.

# shellcheck source=scripts/setup.sh
source scripts/setup.sh

readonly KERNELS_DIR=target/kernels
# Where Debian keeps which series: 6.1 and 6.12, and the newest.
readonly SUITES=(bookworm-security trixie-security trixie-backports)
readonly GUEST_MODULES=(sch_ingress cls_bpf act_bpf veth tun)
readonly GUEST_TESTS=(real_programs connections recorder payload)
readonly GUEST_LIMIT_SECONDS=300

verb_kernels() {
  local -a series=("$@")
  [[ ${#series[@]} -gt 0 ]] || series=(6.1 6.12)
  [[ -r /usr/share/keyrings/debian-archive-keyring.gpg && "$(uname -m)" == x86_64 ]] ||
    fail "other kernels come from Debian's mirrors as amd64 packages: run this on Debian"
  need_packages build kernels
  need_rust
  build_guest_binaries
  own_apt
  local one failed=()
  for one in "${series[@]}"; do
    if try_kernel "$one"; then
      say "kernel $one: fine"
    else
      failed+=("$one")
    fi
  done
  [[ ${#failed[@]} -eq 0 ]] || fail "kernels on which it failed: ${failed[*]}"
}

# The rig, and the tests of its programs that need a kernel and nothing else.
build_guest_binaries() {
  cargo build --release --locked -p netrig
  local name path
  for name in "${GUEST_TESTS[@]}"; do
    path="$(cargo test --release --locked -p netrig-drain --test "$name" --no-run --message-format=json 2>/dev/null |
      grep -o "\"executable\":\"[^\"]*$name-[^\"]*\"" | cut -d '"' -f 4)"
    [[ -x $path ]] || fail "cannot build the tests of the kernel programs: cargo test --release -p netrig-drain --no-run"
    guest_tests+=("$path")
  done
}

# An apt of our own, with lists and cache below ./target: the machine's is not touched.
own_apt() {
  local own="$PWD/$KERNELS_DIR/apt" mirror suite
  local key=/usr/share/keyrings/debian-archive-keyring.gpg
  mkdir -p "$own"/{lists,archives}/partial
  # shellcheck disable=SC2016  # apt's own placeholder
  mirror="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' |
    grep -v security | head -n 1 || true)"
  mirror="${mirror:-http://deb.debian.org/debian/}"
  for suite in "${SUITES[@]}"; do
    case "$suite" in
      *-security) echo "deb [signed-by=$key] ${mirror%/}-security $suite main" ;;
      *) echo "deb [signed-by=$key] $mirror $suite main" ;;
    esac
  done >"$own/sources.list"
  cat >"$own/apt.conf" <<CONF
Dir::Etc::SourceList "$own/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$own/lists";
Dir::Cache "$own";
Acquire::Languages "none";
APT::Sandbox::User "root";
CONF
  [[ -n "$(find "$own/lists" -maxdepth 1 -name '*Packages*' -mmin -720 2>/dev/null)" ]] ||
    APT_CONFIG="$own/apt.conf" apt-get -qq update || fail "apt-get update failed for ${SUITES[*]}"
  kernels_apt="$own/apt.conf"
}

# try_kernel SERIES
try_kernel() {
  local package tree version code=0
  package="$(APT_CONFIG="$kernels_apt" apt-cache pkgnames linux-image- |
    grep -E "^linux-image-${1//./\\.}\.[0-9]+[^ ]*-cloud-amd64$" | sort -V | tail -n 1 || true)"
  [[ -n $package ]] || {
    say "kernel $1: Debian has none (${SUITES[*]})"
    return 1
  }
  tree="$KERNELS_DIR/$package"
  unpack_kernel "$package" "$tree" || return 1
  version="$(ls "$tree/lib/modules")"
  say "kernel $1: $version"
  make_initramfs "$tree" "$version" "$KERNELS_DIR/$1.initramfs"
  boot "$tree/boot/vmlinuz-$version" "$KERNELS_DIR/$1" || code=$?
  [[ $code -eq 0 ]] || say "kernel $1: failed (exit $code); its console: $KERNELS_DIR/$1.console"
  return "$code"
}

unpack_kernel() {
  [[ -e $2/boot ]] && return 0
  rm -rf "$2.new"
  mkdir -p "$2.new"
  (
    cd "$2.new" || exit 1
    APT_CONFIG="$kernels_apt" apt-get -qq download "$1" && dpkg-deb -x ./*.deb . && rm ./*.deb || exit 1
    # Since Debian 13 they lie below usr.
    [[ -e lib/modules ]] || { mkdir -p lib && ln -s ../usr/lib/modules lib/modules; }
    PATH="$PATH:/sbin:/usr/sbin" depmod -b . "$(ls lib/modules)"
  ) >&2 || return 1
  mv "$2.new" "$2"
}

# make_initramfs TREE VERSION FILE
make_initramfs() {
  local root module file number=0
  root="$(mktemp -d -p "$PWD/$KERNELS_DIR")"
  mkdir -p "$root"/{bin,lib,lib64,proc,sys,dev,tmp,modules}
  cp "$(command -v busybox)" "$root/bin/"
  for module in $("$root/bin/busybox" --list); do
    [[ $module == busybox ]] || ln -s busybox "$root/bin/$module"
  done
  copy_with_libraries "$root" target/release/netrig /bin/netrig
  for number in "${!GUEST_TESTS[@]}"; do
    copy_with_libraries "$root" "${guest_tests[$number]}" "/bin/${GUEST_TESTS[$number]}"
  done
  number=0
  cp scripts/guest.sh "$root/init"
  for module in "${GUEST_MODULES[@]}"; do
    while read -r _ file _; do
      file="$(realpath "$file")"
      number=$((number + 1))
      # Decompressed, since old kernels do not; numbered, so that dependencies go first.
      case "$file" in
        *.xz) xz -dc "$file" ;;
        *) cat "$file" ;;
      esac >"$root/modules/$(printf %03d "$number")-$(basename "${file%.xz}")"
    done < <(PATH="$PATH:/sbin:/usr/sbin" modprobe -C /dev/null -d "$1" -S "$2" --show-depends "$module" 2>/dev/null | grep '^insmod' || true)
  done
  (cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$3"
  rm -rf "$root"
}

copy_with_libraries() {
  cp "$2" "$1$3"
  local library
  for library in $(ldd "$2" | grep -o '/[^ ]*'); do
    mkdir -p "$1$(dirname "$library")"
    cp -L -n "$library" "$1$library"
  done
}

# boot KERNEL PREFIX: the guest's output on ours, its exit code as ours. A kernel that dies leaves no code.
boot() {
  local code
  : >"$2.code"
  timeout --foreground -k 5 "$GUEST_LIMIT_SECONDS" qemu-system-x86_64 -accel tcg,thread=multi -machine pc -cpu max \
    -smp 2 -m 1024 -kernel "$1" -initrd "$2.initramfs" \
    -append "console=ttyS0 quiet panic=-1 oops=panic mitigations=off no_timer_check" \
    -nodefaults -no-user-config -display none -no-reboot \
    -serial "file:$2.console" -serial stdio -serial "file:$2.code" </dev/null || true
  code="$(tr -cd 0-9 <"$2.code")"
  return "${code:-125}"
}
