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
# "refused" needs an answer: an alert, or a server hello that the client does not accept. Without one, or
# if this openssl or a missing --client-cert prevents a check, its line is "undecided" and gives the reason.
#
# Exit code: 0 every check is passed, 1 one has failed, 2 none has failed but one is undecided, 64 wrong
# arguments or files, 69 no handshake with the address.
set -euo pipefail
export LC_ALL=C.UTF-8

usage() {
  printf 'usage: %s HOST:PORT [--ca FILE] [--name NAME] [--client-cert FILE --client-key FILE]\n' "$0" >&2
  exit 64
}
wrong() { printf 'tls_check.sh: %s\n' "$1" >&2; exit 64; }

[[ $# -ge 1 && $1 =~ ^(.+):([0-9]+)$ ]] || usage
address=$1 name=${BASH_REMATCH[1]} tcp_port=${BASH_REMATCH[2]} common=()
authority='' client_certificate='' client_key=''
name=${name#\[}
name=${name%\]}
tcp_host=$name
shift
while [[ $# -gt 0 ]]; do
  [[ $# -ge 2 ]] || usage
  case $1 in
    --ca) authority=$2 ;;
    --name) name=$2 ;;
    --client-cert) client_certificate=$2 ;;
    --client-key) client_key=$2 ;;
    *) usage ;;
  esac
  shift 2
done
command -v openssl >/dev/null || wrong 'openssl is not installed'

# in_file OPTION FILE WHAT COMMAND…: ends the check unless this command of openssl can read the file.
in_file() {
  [[ -f $2 && -r $2 ]] || wrong "$1 $2: there is no such file, or you may not read it"
  openssl "${@:4}" -in "$2" -noout </dev/null >/dev/null 2>&1 || wrong "$1 $2: the file has no $3"
}
if [[ -n $authority ]]; then
  in_file --ca "$authority" certificate x509
  common+=(-CAfile "$authority")
fi
if [[ -n $client_certificate ]]; then
  key=${client_key:-$client_certificate}
  in_file --client-cert "$client_certificate" certificate x509
  in_file --client-key "$key" 'private key, or one with a passphrase' pkey -passin pass:
  [[ $(openssl x509 -in "$client_certificate" -noout -pubkey) == "$(openssl pkey -in "$key" -pubout)" ]] ||
    wrong "--client-key $key: the key belongs to another certificate than $client_certificate"
  common+=(-cert "$client_certificate" -key "$key")
elif [[ -n $client_key ]]; then
  usage
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 undecided=0
passed() { printf 'ok        %s\n' "$1"; }
failure() { printf 'FAILED    %s\n' "$1"; failed=$((failed + 1)); }
undecided() { printf 'undecided %s\n' "$1"; undecided=$((undecided + 1)); }

is_address() { [[ $1 =~ ^[0-9.]+$ || $1 == *:* ]]; }
# RFC 6066 allows no address as the name.
if is_address "$name"; then common+=(-noservername); else common+=(-servername "$name"); fi

# handshake OPTION…: one connection, with the input of the caller. Sets
#   seen    its output
#   agreed  the suite of the server hello; empty: none
#   answer  accepted, refused, unable (this openssl does not have the setting, and has sent nothing), or why
#           there is neither: a phrase for people
seen='' agreed='' answer=''
handshake() {
  local code=0
  seen=$(timeout 20 openssl s_client -msg -connect "$address" "${common[@]}" "$@" 2>&1) || code=$?
  judge "$code"
}
shake() { handshake "$@" </dev/null; }

# heard WORDS: the first line of a message of the port that has these words (a regular expression).
heard() { grep -m 1 -E "^<<< .*$1" <<<"$seen"; }
sent() { grep -q -E "^>>> .*$1" <<<"$seen"; }

# judge EXIT_CODE: sets agreed and answer from $seen. A client that does not accept the server's hello sends
# an alert itself.
judge() {
  agreed=''
  if [[ $seen =~ Cipher\ is\ ([A-Za-z0-9_-]+) ]]; then
    agreed=${BASH_REMATCH[1]} answer=accepted
  elif heard 'Alert.*fatal' >/dev/null || { heard ServerHello >/dev/null && sent 'Alert.*fatal'; }; then
    answer=refused
  elif [[ $seen != *'>>> '* &&
    $seen =~ (no\ protocols\ available|no\ ciphers\ available|[Uu]nknown\ option|no\ cipher\ match) ]]; then
    answer=unable
  elif [[ $seen != *CONNECTED* ]]; then
    answer='no connection'
  elif [[ $1 -eq 124 ]]; then
    answer='no answer in time'
  elif [[ $seen == *'has read 0 bytes'* ]]; then
    answer='the connection closed without an answer'
  else
    answer='the connection closed within the answer, or the answer is no TLS'
  fi
}

# The reason of an undecided check.
reason() {
  case $answer in
    unable) printf 'this openssl does not offer it' ;;
    refused) printf 'the port refuses the handshake' ;;
    *) printf '%s' "$answer" ;;
  esac
}

# must_refuse TEXT: the check TEXT is that the port has refused the last handshake.
must_refuse() {
  case $answer in
    accepted) failure "$1: the port accepts it with $agreed" ;;
    refused) passed "$1" ;;
    *) undecided "$1: $(reason)" ;;
  esac
}

# not_accepted TEXT: the check TEXT needs a handshake, and the port has not accepted the last one.
not_accepted() {
  if [[ $answer == refused ]]; then failure "$1"; else undecided "$1: $(reason)"; fi
}

# Prints what is wrong with the client's certificate, if the port has ended the last handshake for it.
client_certificate_fault() {
  local alert
  heard CertificateRequest >/dev/null || return 0
  alert=$(heard 'Alert.*fatal') || return 0
  if [[ -z $client_certificate ]]; then
    printf 'the port requires a client certificate: use --client-cert and --client-key'
  else
    printf 'the port refuses %s: %s' "$client_certificate" "${alert##* }"
  fi
}

old_versions() {
  local option
  for option in ssl3 tls1 tls1_1; do
    shake "-$option" -cipher 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'
    # No current build of OpenSSL has SSL 3.0.
    [[ $option != ssl3 || $answer != unable ]] || continue
    must_refuse "$option is refused"
  done
}

# Sets newest, the option of the newest version that the port accepts, and suite_1_2, the suite that it
# chooses with TLS 1.2; empty: none.
current_versions() {
  local has_1_3=false
  newest=-tls1_2 suite_1_2=''
  shake -tls1_3
  if [[ $answer == accepted ]]; then
    passed "tls1_3 is offered: $agreed"
    newest=-tls1_3 has_1_3=true
  else
    not_accepted 'tls1_3 is offered'
  fi
  shake -tls1_2
  if [[ $answer == refused ]] && $has_1_3; then
    passed 'tls1_2: not offered, so its checks are left out'
    return
  elif [[ $answer != accepted ]]; then
    not_accepted 'tls1_2 is offered'
    return
  fi
  suite_1_2=$agreed
  passed "tls1_2 is offered: $agreed"
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
  $has_1_3 || return 0
  shake -tls1_2 -fallback_scsv
  must_refuse 'a fallback to tls1_2 is refused (RFC 7507)'
}

# Forward secrecy and authenticated encryption, with a certificate.
is_good() { [[ $1 =~ ^(ECDHE|DHE)-(RSA|ECDSA)- && $1 =~ (GCM|CHACHA20|CCM) ]]; }

cipher_suites() {
  local suite bad=() good=() tried=0 unanswered=0 why='' accepted
  local check='suites of tls1_2 have forward secrecy and authenticated encryption'
  for suite in $(openssl ciphers -s -tls1_2 'ALL:COMPLEMENTOFALL:-PSK:-SRP:@SECLEVEL=0' | tr : ' '); do
    [[ $suite != TLS_* ]] || continue
    shake -tls1_2 -cipher "$suite:@SECLEVEL=0"
    [[ $answer != unable ]] || continue
    tried=$((tried + 1))
    if [[ $answer == accepted ]]; then
      if is_good "$suite"; then good+=("$suite"); else bad+=("$suite"); fi
    elif [[ $answer != refused ]]; then
      unanswered=$((unanswered + 1)) why=$answer
    fi
  done
  accepted=" ${good[*]} ${bad[*]} "
  if [[ ${#bad[@]} -gt 0 ]]; then
    failure "$check; accepted: ${bad[*]}"
  elif [[ $unanswered -gt 0 ]]; then
    undecided "$check: $unanswered of $tried have no answer: $why"
  elif [[ $accepted != *" $suite_1_2 "* ]]; then
    undecided "$check: the port has chosen $suite_1_2 before, and now refuses it"
  else
    passed "$check ($tried tried): ${good[*]}"
  fi
}

# A server that takes a renegotiation sends a hello; one that does not sends an alert.
renegotiation() {
  local check='renegotiation is refused' line asked=false decision='' client code=0
  mkfifo "$work/input"
  exec 3<>"$work/input"
  printf 'R\n' >&3
  exec 5< <(exec timeout 5 openssl s_client -msg -connect "$address" "${common[@]}" -tls1_2 <&3 2>&1)
  client=$!
  seen=''
  while [[ -z $decision ]] && IFS= read -r line <&5; do
    seen+=$line$'\n'
    case $asked:$line in
      *:RENEGOTIATING) asked=true ;;
      true:'<<< '*ServerHello) decision=accepted ;;
      true:'<<< '*Alert*fatal* | true:'<<< '*Alert*no_renegotiation) decision=refused ;;
    esac
  done
  [[ -z $decision ]] || kill "$client" 2>/dev/null || true
  wait "$client" || code=$?
  exec 3>&- 5<&-
  judge "$code"
  case $asked:$decision in
    true:accepted) failure "$check: the port accepts it" ;;
    true:refused) passed "$check" ;;
    true:) undecided "$check: no answer to the request for one" ;;
    *) not_asked "$check" ;;
  esac
}

# not_asked TEXT: the check TEXT needs a whole handshake, and there was none.
not_asked() {
  local fault
  fault=$(client_certificate_fault)
  if [[ -n $fault ]]; then
    undecided "$1: $fault"
  elif [[ $answer == accepted ]]; then
    undecided "$1: the handshake ended early, or this openssl cannot ask for it"
  else
    undecided "$1: $(reason)"
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
  local check='sessions are resumed' fault session
  handshake "$newest" -ign_eof -sess_out "$work/session" \
    < <(printf 'GET /v2/ HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$name")
  if [[ ! -s $work/session ]]; then
    fault=$(client_certificate_fault)
    if [[ -n $fault ]]; then undecided "$check: $fault"
    elif [[ $answer == accepted ]]; then failure "$check: no ticket"
    else not_accepted "$check"; fi
    return
  fi
  session=$(openssl sess_id -in "$work/session" -noout -text)
  shake "$newest" -sess_in "$work/session"
  if [[ $answer != accepted ]]; then not_accepted "$check"
  elif [[ $seen =~ Reused,\ TLS ]]; then passed "$check"
  else failure "$check"; fi
  ticket_lifetime "$session"
  [[ $newest == -tls1_3 ]] || return 0
  if grep -qE 'Max Early Data: 0$' <<<"$session"; then
    passed 'no early data, which could be replayed'
  else
    failure 'no early data, which could be replayed'
  fi
}

# ticket_lifetime SESSION: without a ticket, a server of TLS 1.2 keeps the session itself and sends its ID.
ticket_lifetime() {
  local check='a ticket lasts a day at most' lifetime
  lifetime=$(sed -n 's/.*lifetime hint: \([0-9]*\).*/\1/p' <<<"$1")
  if [[ $1 != *'TLS session ticket:'* ]]; then
    passed "$check: no ticket, because the session has an ID"
  elif [[ -n $lifetime && $lifetime -le 86400 ]]; then
    passed "$check: $lifetime s"
  else
    failure "$check: ${lifetime:-unknown} s"
  fi
}

protocols() {
  shake -alpn h2,http/1.1
  if [[ $answer != accepted ]]; then not_accepted 'ALPN: h2 or http/1.1 is chosen'
  elif [[ $seen =~ ALPN\ protocol:\ (h2|http/1\.1) ]]; then passed "ALPN: ${BASH_REMATCH[1]} is chosen"
  else failure 'ALPN: h2 or http/1.1 is chosen'; fi
  shake -alpn entrepot-unknown
  must_refuse 'ALPN: a client without a known protocol is refused (RFC 7301)'
}

# A client that does not get a certificate says that its verification is right. One that sends its Finished
# message has seen that the server has the key, too.
certificate() {
  local check=(-verify_hostname "$name") text="the certificate is valid for $name" result
  if is_address "$name"; then check=(-verify_ip "$name"); fi
  shake "${check[@]}"
  result=$(sed -n 's/.*Verify return code: //p' <<<"$seen" | head -1)
  if [[ $answer != accepted ]]; then
    not_accepted "$text"
  elif ! sent Finished; then
    undecided "$text: the handshake ended early"
  elif [[ $seen == *'no peer certificate available'* ]]; then
    failure "$text: the port has sent none"
  elif [[ $result == '0 (ok)' ]]; then
    passed "$text"
  else
    failure "$text: $result"
  fi
}

shake
if [[ $answer != accepted ]]; then
  printf 'tls_check.sh: no handshake with %s: %s\n' "$address" \
    "$(grep -vE '^([<>]{3}|    ) ?' <<<"$seen" | head -3 | tr '\n' ' ')" >&2
  exit 69
fi
old_versions
current_versions
if [[ -n $suite_1_2 ]]; then
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
