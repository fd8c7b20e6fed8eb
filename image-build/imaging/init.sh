#!/bin/sh
# The first program: find the root of the slot that the boot loader chose, check it by verity, and go there.
# The kernel's command line says rauc.slot=A or B, and edge.verity=BLOCKS:ROOT_HASH:SALT; edge.disk=DEVICE says on which
# disk, where there may be several. What fails restarts the machine, so that a version on trial loses a try.
export PATH=/bin LD_LIBRARY_PATH=/lib

say() {
    echo "edge: $*" >/dev/kmsg
}

fail() {
    echo "edge: $*; starting over in 10 s" >/dev/console
    say "$*"
    sleep 10
    sync
    reboot -f
}

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t devtmpfs -o nosuid,mode=0755 devtmpfs /dev

slot= verity= disk=
for word in $(cat /proc/cmdline); do
    case $word in
    rauc.slot=*) slot=${word#*=} ;;
    edge.verity=*) verity=${word#*=} ;;
    edge.disk=*) disk=${word#*=} ;;
    esac
done
case $slot in
A) label=root_a ;;
B) label=root_b ;;
*) fail "the kernel's command line names no slot" ;;
esac

while read -r module; do
    insmod "/lib/$module.ko" 2>/dev/null
done </modules

find_part() {
    for each in /sys/class/block/*; do
        if grep -q "^PARTNAME=$label\$" "$each/uevent"; then
            name=${each##*/}
            case /dev/$name in
            "$disk"*)
                device=/dev/$name
                return 0
                ;;
            esac
        fi
    done
    return 1
}

tries=0
until find_part; do
    tries=$((tries + 1))
    test $tries -lt 300 || fail "there is no partition $label"
    sleep 0.1
done

IFS=: read -r blocks hash salt <<WORDS
$verity
WORDS
test -n "$salt" || fail "the kernel's command line has no root hash"
dmsetup create root --readonly --noudevsync --table \
    "0 $((blocks * 8)) verity 1 $device $device 4096 4096 $blocks $blocks sha256 $hash $salt" >/dev/null ||
    fail "verity refuses slot $slot on $device"
mount -t squashfs -o ro,nodev /dev/dm-0 /sysroot || fail "slot $slot on $device has no root"
say "slot $slot on $device"
for each in proc sys dev; do
    mount -o move /$each /sysroot/$each
done
exec switch_root /sysroot /usr/lib/systemd/systemd
