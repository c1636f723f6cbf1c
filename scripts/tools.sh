# shellcheck shell=bash
# Tools that tests like to have but that no machine should get installed for them.

readonly TOOLS_DIR=target/tools

# Prometheus judges our /metrics. Its package would start a server of its own on this machine, so it is only unpacked.
need_prometheus() {
  local unpacked="$PWD/$TOOLS_DIR/prometheus/usr/bin"
  has prometheus && has promtool && return 0
  if [[ ! -x $unpacked/promtool ]]; then
    [[ "$(package_manager)" == apt ]] || {
      say "prometheus is not installed: the tests that scrape with it will be skipped"
      return 0
    }
    say "unpacking Debian's prometheus into $TOOLS_DIR (not installed: that would start a server)"
    unpack_package prometheus "$TOOLS_DIR/prometheus" || {
      say "prometheus could not be had from apt: the tests that scrape with it will be skipped"
      return 0
    }
    # A package of its own since Debian 13.
    [[ -x $unpacked/promtool ]] || unpack_package promtool "$TOOLS_DIR/prometheus" ||
      say "promtool could not be had from apt: the tests that ask it will be skipped"
  fi
  PATH="$unpacked:$PATH"
}

# nginx answers requests that we tell, and keeps a log of them. The same holds for its package.
need_nginx() {
  local unpacked="$PWD/$TOOLS_DIR/nginx/usr/sbin"
  PATH="$PATH:/usr/sbin"
  has nginx && return 0
  if [[ ! -x $unpacked/nginx ]]; then
    [[ "$(package_manager)" == apt ]] || {
      say "nginx is not installed: the tests that ask it will be skipped"
      return 0
    }
    say "unpacking Debian's nginx into $TOOLS_DIR (not installed: that would start a server)"
    unpack_package nginx "$TOOLS_DIR/nginx"
    # Elsewhere it is only a name for one of several.
    [[ -x $unpacked/nginx ]] || unpack_package nginx-core "$TOOLS_DIR/nginx" ||
      say "nginx could not be had from apt: the tests that ask it will be skipped"
  fi
  PATH="$unpacked:$PATH"
}

# unpack_package NAME FOLDER
unpack_package() {
  local folder="$2"
  mkdir -p "$folder"
  (
    cd "$folder" || exit 1
    apt-get -qq download "$1" 2>apt.log || {
      as_root "apt-get update" apt-get -qq update
      apt-get -qq download "$1" 2>apt.log
    }
    dpkg-deb -x "$1"_*.deb .
    rm -f "$1"_*.deb
  ) >&2
}
