# shellcheck shell=sh
# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# sh keep.sh [remove]: puts the CNI plugin where an update of k3s has its runtime look. Up to 1.29 that is a folder which is
# another one with each version, and later /var/lib/rancher/k3s/data/cni. remove: takes away what is the same as ours there.

client=/usr/lib/baremetal-sriov/cni/client
data=/var/lib/rancher/k3s/data
case @CNI_BIN_DIR@ in "$data"/*) ;; *) exit 0 ;; esac
for folder in "$data/current/bin" "$data/cni"; do
    if [ "$1" = remove ]; then
        cmp -s -- "$client" "$folder/sriov" && rm -f -- "$folder/sriov"
    elif [ -d "$folder" ] && [ ! -e "$folder/sriov" ] && [ ! -L "$folder/sriov" ]; then
        cp -- "$client" "$folder/.baremetal-sriov-new" && chmod 0755 "$folder/.baremetal-sriov-new" &&
            mv -f -- "$folder/.baremetal-sriov-new" "$folder/sriov" &&
            echo "$folder/sriov is there again: an update of k3s looks for CNI plugins there"
    fi
done
exit 0
