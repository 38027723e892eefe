# The installer puts the line of the interpreter before this one: #!/bin/sh
# shellcheck shell=sh
# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# /opt/cni/bin/sriov: hands the call to a process of the service that is warm already, or runs the program itself.
# sriov_cni/warm/handoff.py has the other side, and says how they meet. Nothing here starts a process: a shell that is only
# loaded costs a tenth of what the interpreter does. Names begin with sriov_: others may be in the environment.

sriov_program=/usr/lib/baremetal-sriov/cni/sriov
sriov_version=/usr/lib/baremetal-sriov/cni/@CNI_VERSION@
sriov_at=/run/baremetal-sriov/cni
sriov_said='' sriov_code='' sriov_text='' sriov_turn=0

# The service's own folder of modules is behind this link: it lives, and is of the version that would run here.
# shellcheck disable=SC3013 # -ef: dash, bash and busybox have it
if [ $# = 0 ] && [ "$sriov_at/version" -ef "$sriov_version" ]; then
    {
        set -C # a file that is there is not written: the first to make it has the slot
        while [ "$sriov_turn" -lt 64 ]; do
            sriov_slot=$((($$ + sriov_turn) % 64))
            echo $$ > "$sriov_at/claim$sriov_slot" && break
            sriov_turn=$((sriov_turn + 1))
        done
        # Opened for reading and writing a FIFO waits for nobody.
        if [ "$sriov_turn" -lt 64 ]; then
            {
                exec 7>&- # else the service's end would not be the end of the reply
                # A service that was started meanwhile knows nothing of a claim made before.
                read -r sriov_said < "$sriov_at/claim$sriov_slot"
                if [ "$sriov_said" = $$ ]; then
                    printf '%2d %28d\n' "$sriov_slot" $$
                    read -r sriov_said # t: taken, n: not
                    [ "$sriov_said" = t ] && read -r sriov_code sriov_text
                fi
            } 6<> "$sriov_at/life$sriov_slot" 7<> "$sriov_at/reply$sriov_slot" < "$sriov_at/reply$sriov_slot" \
                1<> "$sriov_at/request"
        fi
    } 3<&0 4>&1 5>&2 2> /dev/null
    if [ -n "$sriov_code" ]; then
        [ -z "$sriov_text" ] || printf '%s\n' "$sriov_text"
        exit "$sriov_code"
    fi
    if [ "$sriov_said" = t ]; then
        printf '%s\n' '{"cniVersion":"1.1.0","code":11,"msg":"the process of baremetal-sriov-cni.service that served'\
' this call ended before its time: call again; its journal tells why (journalctl -u baremetal-sriov-cni)"}'
        exit 1
    fi
fi
# Its first line names the interpreter. Neither is there where the root folder is another one than the host's.
sriov_said=''
[ -x "$sriov_program" ] && read -r sriov_said sriov_code < "$sriov_program"
# An upgrade of the distribution may take the interpreter away: another one of the host's does.
if [ -n "$sriov_said" ] && [ ! -x "${sriov_said#??}" ] && [ -d "$sriov_version" ]; then
    for sriov_python in /usr/bin/python3 /usr/bin/python3.[1-9][0-9] /usr/bin/python3.9; do
        [ -x "$sriov_python" ] && "$sriov_python" -ISc 'import sys; sys.exit(sys.version_info < (3, 9))' 2> /dev/null &&
            exec "$sriov_python" "$sriov_code" "$sriov_program" "$@"
    done
fi
if [ ! -x "${sriov_said#??}" ] && [ -n "$CNI_COMMAND" ]; then
    printf '%s\n' '{"cniVersion":"1.1.0","code":4,"msg":"'"$sriov_program"', or its Python, is not there: expected the root'\
' folder of the host as that of this call, found another one: set chrootDir in the daemon-config.json of Multus to where it'\
' has the root of the host (/hostroot), or install the plugin again"}'
    exit 1
fi
exec "$sriov_program" "$@"
