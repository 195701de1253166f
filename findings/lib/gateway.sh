# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034
# Ceph's S3 gateway on loopback with a store in memory, and signed requests to it. Source it after
# packages.sh.

gateway_version=16.2.15+ds-0+deb12u2
gateway_packages=({ceph-base,ceph-common,ceph-mon,ceph-osd,radosgw}"=$gateway_version" curl)

# Tools of administrators, which the daemons do without.
skip='python3.*|sudo|lvm2|liblvm2cmd.*|dmeventd|libdevmapper.*|smartmontools|nvme-cli|libnvme1|hdparm|dmidecode'
skip+='|g?parted|libparted2|gdisk|cryptsetup-bin|logrotate|uuid-runtime|librbd1|libcephfs2|librgw2|libradosstriper1'
exclude='./usr/bin/ceph[-fs]*-*-tool' # of tens of megabytes each

access=FINDINGFINDINGFINDIN
secret=findingfindingfindingfindingfindingfindi

# start_gateway: sets $gateway to its address and makes the bucket "bucket".
start_gateway() {
  local dir=$work/ceph monitor storage port fsid
  mkdir -p "$dir"/{log,monitor,storage,run}
  LD_LIBRARY_PATH+=:$root/usr/lib/x86_64-linux-gnu/ceph
  monitor=$(free_port) storage=$(free_port) port=$(free_port) fsid=$(</proc/sys/kernel/random/uuid)
  cat >"$dir/ceph.conf" <<CONF
[global]
fsid = $fsid
mon host = [v2:127.0.0.1:$monitor/0]
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = false
ms mon client mode = crc
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
ms bind port min = $storage
ms bind port max = $((storage + 40))
plugin dir = $root/usr/lib/x86_64-linux-gnu/ceph
erasure code dir = $root/usr/lib/x86_64-linux-gnu/ceph/erasure-code
osd class dir = $root/usr/lib/x86_64-linux-gnu/rados-classes
run dir = $dir/run
crash dir = $dir/log
admin socket =
log file = $dir/log/\$name.log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
paxos propose interval = 0.02
paxos min wait = 0.01
mon data = $dir/monitor
mon data avail warn = 1
mon data avail crit = 0
osd data = $dir/storage
osd objectstore = memstore
memstore device bytes = 268435456
[client.rgw]
rgw data = $dir
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw enable usage log = false
rgw enable ops log = false
rgw thread pool size = 16
CONF
  {
    monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:127.0.0.1:$monitor/0]" "$dir/monmap" &&
      osdmaptool --createsimple 1 --clobber "$dir/osdmap" &&
      timeout 20 ceph-mon -c "$dir/ceph.conf" --mkfs -i a --monmap "$dir/monmap" --osdmap "$dir/osdmap" &&
      timeout 20 ceph-osd -c "$dir/ceph.conf" --mkfs -i 0 --no-mon-config
  } >"$dir/log/prepare" 2>&1 || fail "Ceph cannot be prepared: $(tail -n 1 "$dir/log/prepare")"
  daemon ceph-mon -i a
  daemon ceph-osd -i 0
  timeout 90 radosgw-admin -c "$dir/ceph.conf" -n client.rgw user create --uid=finding --display-name=finding \
    --access-key="$access" --secret-key="$secret" >"$dir/log/user" 2>&1 ||
    fail "Ceph does not start: $(tail -n 1 "$dir/log/user")"
  daemon radosgw -n client.rgw
  wait_for 30 listens "$port" || fail "the gateway does not start"
  gateway=127.0.0.1:$port
  [ "$(s3_status -X PUT "http://$gateway/bucket")" = 200 ] || fail "the gateway makes no bucket"
}

# daemon PROGRAM ARGUMENT...: a process of Ceph in the foreground of a job of this script.
daemon() {
  "$1" -c "$work/ceph/ceph.conf" -f "${@:2}" >"$work/ceph/log/$1.out" 2>&1 </dev/null &
  pids+=($!)
}

# s3 CURL-ARGUMENTS...: a signed request.
s3() {
  curl -sS --aws-sigv4 aws:amz:default:s3 -u "$access:$secret" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"
}

s3_status() { s3 -o /dev/null -w '%{http_code}' "$@"; }
