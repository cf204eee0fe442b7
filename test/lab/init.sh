#!/bin/busybox sh
# First process of the lab's guest, in the initramfs. Makes the host's root the guest's root and leaves the rest to
# /run/lab/boot.sh, which each boot writes anew.
set -e
/bin/busybox mkdir -p /proc /sys /dev /host /state /root
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod /modules/$module.ko; done

mount -t ext4 -o noinit_itable /dev/vda /state
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=loose host /host
mount --bind /host /root
mount --move /dev /root/dev
mount --move /sys /root/sys
mount --move /proc /root/proc
mkdir -p /root/dev/pts /root/dev/shm
ln -s /proc/self/fd /root/dev/fd
for i in 0:stdin 1:stdout 2:stderr; do ln -s /proc/self/fd/${i%:*} /root/dev/${i#*:}; done
mount -t devpts -o gid=5,mode=620,ptmxmode=666 pts /root/dev/pts
mount -t tmpfs -o mode=1777 shm /root/dev/shm
mount -t securityfs security /root/sys/kernel/security || true
mount -t cgroup2 cgroup /root/sys/fs/cgroup || true

mount -t tmpfs -o mode=755 run /root/run
cp /bin/busybox /root/run/busybox
mkdir /root/run/lab /root/run/host /root/run/state
# What the checkout needs of the host's /run and /tmp is taken from here, before boot.sh hides it.
mount --bind /host /root/run/host
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=loose run /root/run/lab
mount --move /state /root/run/state
exec switch_root /root /run/busybox sh /run/lab/boot.sh
