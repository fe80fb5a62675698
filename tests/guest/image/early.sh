#!/bin/bash
# Before any package is set up: an initrd with what a virtio guest needs, and nothing that starts by itself.
# Called by mmdebstrap with the new root as $1.
set -euo pipefail
root=$1

mkdir -p "$root/etc/initramfs-tools/conf.d" "$root/usr/share/initramfs-tools/modules.d"
printf 'MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n' >"$root/etc/initramfs-tools/conf.d/guest"
printf '%s\n' virtio_pci virtio_blk ext4 >"$root/usr/share/initramfs-tools/modules.d/guest"
