# shellcheck shell=sh
# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# sh python.sh ARGUMENTS: Python with these arguments. Units start it so, since an upgrade of the distribution may take
# away the interpreter that site chose: then another one of the system's runs them, or one line says that there is none.

pinned=@PYTHON@
[ -x "$pinned" ] && exec "$pinned" "$@"
for python in /usr/bin/python3 /usr/bin/python3.[1-9][0-9] /usr/bin/python3.9; do
    if [ -x "$python" ] && "$python" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2> /dev/null; then
        echo "$pinned is gone, which this was installed for; $python runs it: run the playbook baremetal.sriov.site" >&2
        exec "$python" "$@"
    fi
done
echo "$pinned is gone, which this was installed for, and /usr/bin has no Python 3.9 or newer: install python3, then run the\
 playbook baremetal.sriov.site" >&2
exit 78 # EX_CONFIG of sysexits.h: it needs a person, not another start
