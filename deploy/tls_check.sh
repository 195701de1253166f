#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Checks what a TLS port offers, by handshakes of openssl s_client: versions, each cipher suite of
# TLS 1.2, renegotiation, compression, session tickets, early data, ALPN, and the certificate.
#
#   deploy/tls_check.sh HOST:PORT [--ca FILE] [--name NAME] [--client-cert FILE --client-key FILE]
#
# HOST:PORT is a listener of Entrepot or whatever answers clients in its place, such as a load balancer.
# --ca: a private authority. --name: the name that clients use, if it is not HOST. The check takes some
# seconds and about a hundred connections; each of them has an end in the statistics of the port.
#
# Exit code: 0 every check is passed, 1 one has failed, 2 none has failed but this openssl cannot make
# one of them, 64 wrong arguments, 69 no TLS behind the address.
set -euo pipefail
export LC_ALL=C.UTF-8

usage() {
  printf 'usage: %s HOST:PORT [--ca FILE] [--name NAME] [--client-cert FILE --client-key FILE]\n' "$0" >&2
  exit 64
}

[[ $# -ge 1 && $1 =~ ^(.+):([0-9]+)$ ]] || usage
address=$1 name=${BASH_REMATCH[1]} tcp_port=${BASH_REMATCH[2]} common=()
name=${name#\[}
name=${name%\]}
tcp_host=$name
shift
while [[ $# -gt 0 ]]; do
  [[ $# -ge 2 ]] || usage
  case $1 in
    --ca) common+=(-CAfile "$2") ;;
    --name) name=$2 ;;
    --client-cert) common+=(-cert "$2") ;;
    --client-key) common+=(-key "$2") ;;
    *) usage ;;
  esac
  shift 2
done
command -v openssl >/dev/null || { printf 'tls_check.sh: openssl is not installed\n' >&2; exit 64; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 undecided=0
passed() { printf 'ok        %s\n' "$1"; }
failure() { printf 'FAILED    %s\n' "$1"; failed=$((failed + 1)); }
undecided() { printf 'undecided %s\n' "$1"; undecided=$((undecided + 1)); }

is_address() { [[ $1 =~ ^[0-9.]+$ || $1 == *:* ]]; }
# RFC 6066 allows no address as the name.
if is_address "$name"; then common+=(-noservername); else common+=(-servername "$name"); fi

# shake OPTION…: one handshake, then an end of the input. Its output is in $seen.
seen=''
shake() {
  seen=$(timeout 20 openssl s_client -connect "$address" "${common[@]}" "$@" </dev/null 2>&1 || true)
}
# The suite that both sides have agreed on; empty: none.
agreed() {
  if [[ $seen =~ Cipher\ is\ ([A-Za-z0-9_-]+) ]]; then printf '%s' "${BASH_REMATCH[1]}"; fi
}
# True when this openssl has sent nothing, because it does not have the setting.
unable() { [[ $seen =~ (no\ protocols\ available|no\ ciphers\ available|[Uu]nknown\ option|no\ cipher\ match) ]]; }

old_versions() {
  local option
  for option in ssl3 tls1 tls1_1; do
    shake "-$option" -cipher 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'
    if unable; then
      # No current build of OpenSSL has SSL 3.0.
      [[ $option == ssl3 ]] || undecided "$option is refused: this openssl does not offer it"
    elif [[ -n $(agreed) ]]; then
      failure "$option is refused: the port accepts it with $(agreed)"
    else
      passed "$option is refused"
    fi
  done
}

current_versions() {
  shake -tls1_3
  newest=-tls1_3
  if [[ -n $(agreed) ]]; then
    passed "tls1_3 is offered: $(agreed)"
  else
    failure 'tls1_3 is offered'
    newest=-tls1_2
  fi
  shake -tls1_2
  has_1_2=false
  if [[ -z $(agreed) ]]; then
    passed 'tls1_2: not offered, so its checks are left out'
    return
  fi
  has_1_2=true
  passed "tls1_2 is offered: $(agreed)"
  if [[ $seen == *'Secure Renegotiation IS supported'* ]]; then
    passed 'secure renegotiation is announced (RFC 5746)'
  else
    failure 'secure renegotiation is announced (RFC 5746)'
  fi
  if [[ $seen == *'Extended master secret: yes'* ]]; then
    passed 'extended master secret (RFC 7627)'
  else
    failure 'extended master secret (RFC 7627)'
  fi
  [[ $newest == -tls1_3 ]] || return 0
  shake -tls1_2 -fallback_scsv
  if [[ -n $(agreed) ]]; then failure 'a fallback to tls1_2 is refused (RFC 7507)'; else
    passed 'a fallback to tls1_2 is refused (RFC 7507)'; fi
}

# Forward secrecy and authenticated encryption, with a certificate.
is_good() { [[ $1 =~ ^(ECDHE|DHE)-(RSA|ECDSA)- && $1 =~ (GCM|CHACHA20|CCM) ]]; }

cipher_suites() {
  local suite bad=() good=() tried=0
  for suite in $(openssl ciphers -s -tls1_2 'ALL:COMPLEMENTOFALL:-PSK:-SRP:@SECLEVEL=0' | tr : ' '); do
    [[ $suite != TLS_* ]] || continue
    shake -tls1_2 -cipher "$suite:@SECLEVEL=0"
    unable && continue
    tried=$((tried + 1))
    [[ $(agreed) == "$suite" ]] || continue
    if is_good "$suite"; then good+=("$suite"); else bad+=("$suite"); fi
  done
  if [[ ${#bad[@]} -gt 0 ]]; then
    failure "suites of tls1_2 have forward secrecy and authenticated encryption; accepted: ${bad[*]}"
  else
    passed "suites of tls1_2 have forward secrecy and authenticated encryption ($tried tried): ${good[*]}"
  fi
}

# A server that takes a renegotiation goes on and waits for a request; one that does not sends an alert
# or closes.
renegotiation() {
  local code=0
  mkfifo "$work/input"
  exec 3<>"$work/input"
  printf 'R\n' >&3
  timeout 5 openssl s_client -connect "$address" "${common[@]}" -tls1_2 <&3 >"$work/output" 2>&1 || code=$?
  exec 3>&-
  if ! grep -q RENEGOTIATING "$work/output"; then
    undecided 'renegotiation is refused: this openssl has not asked for one'
  elif [[ $code -eq 124 ]]; then
    failure 'renegotiation is refused: the port goes on after one'
  else
    passed 'renegotiation is refused'
  fi
}

# openssl of most systems cannot offer compression, so the hello of a client of TLS 1.2 that does is written
# here: suites with ECDHE, DEFLATE before none, groups, formats of points and signatures. Prints the method
# of the server's hello.
compression_method() {
  local body hello answer session
  body="0303$(openssl rand -hex 32)00""000cc02bc02fc02cc030cca9cca8""020100"
  body+="0029""000a00080006001d00170018""000b00020100""000d000e000c040305030603080408050401""ff01000100"
  hello=$(printf '16030100%02x010000%02x%s' $((${#body} / 2 + 4)) $((${#body} / 2)) "$body")
  exec 4<>"/dev/tcp/${tcp_host}/${tcp_port}" || return 0
  # shellcheck disable=SC2001
  printf '%b' "$(sed 's/../\\x&/g' <<<"$hello")" >&4
  answer=$(timeout 10 head -c 90 <&4 | od -An -v -tx1 | tr -d ' \n')
  exec 4>&-
  # A record of a handshake, its server hello: 2 bytes version, 32 random, the session, 2 suite, 1 method.
  [[ $answer =~ ^16....[0-9a-f]{4}02[0-9a-f]{6}0303[0-9a-f]{64}(..) ]] || return 0
  session=$((16#${BASH_REMATCH[1]}))
  printf '%s' "${answer:$((2 * (44 + session + 2))):2}"
}

compression() {
  case $(compression_method) in
    00) passed 'no compression' ;;
    '') undecided 'no compression: no answer to the hello of a client that offers it' ;;
    *) failure 'no compression' ;;
  esac
}

# A ticket of TLS 1.3 comes after the handshake: the request makes the server speak.
tickets() {
  local lifetime=''
  printf 'GET /v2/ HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$name" |
    timeout 20 openssl s_client -connect "$address" "${common[@]}" "$newest" -ign_eof \
      -sess_out "$work/session" >"$work/output" 2>&1 || true
  if [[ ! -s $work/session ]]; then
    failure 'sessions are resumed: no ticket'
    return
  fi
  shake "$newest" -sess_in "$work/session"
  if [[ $seen =~ Reused,\ TLS ]]; then passed 'sessions are resumed'; else failure 'sessions are resumed'; fi
  lifetime=$(openssl sess_id -in "$work/session" -noout -text | sed -n 's/.*lifetime hint: \([0-9]*\).*/\1/p')
  if [[ -n $lifetime && $lifetime -le 86400 ]]; then
    passed "a ticket lasts a day at most: $lifetime s"
  else
    failure "a ticket lasts a day at most: ${lifetime:-unknown} s"
  fi
  [[ $newest == -tls1_3 ]] || return 0
  if openssl sess_id -in "$work/session" -noout -text | grep -qE 'Max Early Data: 0$'; then
    passed 'no early data, which could be replayed'
  else
    failure 'no early data, which could be replayed'
  fi
}

protocols() {
  shake -alpn h2,http/1.1
  if [[ $seen =~ ALPN\ protocol:\ (h2|http/1\.1) ]]; then passed "ALPN: ${BASH_REMATCH[1]} is chosen"; else
    failure 'ALPN: h2 or http/1.1 is chosen'; fi
  shake -alpn entrepot-unknown
  if [[ -z $(agreed) ]]; then passed 'ALPN: a client without a known protocol is refused (RFC 7301)'; else
    failure 'ALPN: a client without a known protocol is refused (RFC 7301)'; fi
}

certificate() {
  local check=(-verify_hostname "$name")
  if is_address "$name"; then check=(-verify_ip "$name"); fi
  shake "${check[@]}"
  if [[ $seen == *'Verify return code: 0 (ok)'* ]]; then
    passed "the certificate is valid for $name"
  else
    failure "the certificate is valid for $name: $(sed -n 's/.*Verify return code: //p' <<<"$seen" | head -1)"
  fi
}

shake
if [[ -z $(agreed) ]]; then
  printf 'tls_check.sh: no handshake with %s: %s\n' "$address" "$(head -3 <<<"$seen" | tr '\n' ' ')" >&2
  exit 69
fi
old_versions
current_versions
if $has_1_2; then
  cipher_suites
  renegotiation
  compression
fi
tickets
protocols
certificate
printf '%s: %d failed, %d undecided\n' "$address" "$failed" "$undecided"
[[ $failed -eq 0 ]] || exit 1
[[ $undecided -eq 0 ]] || exit 2
