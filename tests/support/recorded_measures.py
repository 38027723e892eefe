# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ping, iperf3 and dpdk-testpmd print.

source: iputils 20221126 and iperf 3.12 of Debian 12, recorded over the loopback (intervals and streams of iperf3 are
left out); busybox 1.35, networking/ping.c; DPDK's "Testpmd Application User Guide", "Testpmd Runtime Functions", and
app/test-pmd/testpmd.c.
"""

from __future__ import annotations

PING = """PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.
64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=0.234 ms
64 bytes from 127.0.0.1: icmp_seq=2 ttl=64 time=0.038 ms
64 bytes from 127.0.0.1: icmp_seq=3 ttl=64 time=0.030 ms

--- 127.0.0.1 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 518ms
rtt min/avg/max/mdev = 0.030/0.100/0.234/0.094 ms
"""
PING_OF_BUSYBOX = """PING 10.0.0.1 (10.0.0.1): 56 data bytes
64 bytes from 10.0.0.1: seq=0 ttl=64 time=0.123 ms

--- 10.0.0.1 ping statistics ---
3 packets transmitted, 1 packets received, 66% packet loss
round-trip min/avg/max = 0.123/0.123/0.123 ms
"""
NO_ANSWER = """PING 10.9.9.9 (10.9.9.9) 56(84) bytes of data.

--- 10.9.9.9 ping statistics ---
3 packets transmitted, 0 received, 100% packet loss, time 2041ms

"""
IPERF = """{
 "start": {
  "version": "iperf 3.12",
  "system_info": "Linux vm 6.18.44-fc-v669 #1 SMP PREEMPT_DYNAMIC @0 x86_64",
  "connecting_to": {
   "host": "127.0.0.1",
   "port": 5399
  }
 },
 "intervals": [],
 "end": {
  "streams": [],
  "sum_sent": {
   "start": 0,
   "end": 1.188833,
   "seconds": 1.188833,
   "bytes": 78643200,
   "bits_per_second": 529212765.7963734,
   "retransmits": 25,
   "sender": true
  },
  "sum_received": {
   "start": 0,
   "end": 1.287207,
   "seconds": 1.287207,
   "bytes": 67108864,
   "bits_per_second": 417082032.6489834,
   "sender": true
  },
  "cpu_utilization_percent": {
   "host_total": 0.8871011569990584,
   "host_user": 0,
   "host_system": 0.8864401825464555,
   "remote_total": 1.7387467381990585,
   "remote_user": 0.0744222757213251,
   "remote_system": 1.6643244624777336
  },
  "sender_tcp_congestion": "bbr",
  "receiver_tcp_congestion": "bbr"
 }
}
"""
REFUSED = """{
\t"start":\t{
\t\t"connected":\t[],
\t\t"version":\t"iperf 3.12"
\t},
\t"intervals":\t[],
\t"end":\t{
\t},
\t"error":\t"unable to connect to server: Connection refused"
}
"""
TESTPMD = """EAL: Detected CPU lcores: 8
EAL: Detected NUMA nodes: 1
EAL: Selected IOVA mode 'VA'
EAL: VFIO support initialized
EAL: Probe PCI driver: net_e1000_igb_vf (8086:10ca) device: 0000:02:10.0 (socket -1)
Configuring Port 0 (socket 0)
Port 0: 02:00:00:00:00:0A
Checking link statuses...
Done
Start automatic packet forwarding
rxonly packet forwarding - ports=1 - cores=1 - streams=1 - NUMA support enabled, MP allocation mode: native

Port statistics ====================================
  ######################## NIC statistics for port 0  ########################
  RX-packets: 12         RX-missed: 0          RX-bytes:  768
  RX-errors: 0
  RX-nombuf:  0
  TX-packets: 0          TX-errors: 0          TX-bytes:  0
  ############################################################################
"""
NO_PORT = """EAL: Detected CPU lcores: 8
EAL: Cannot open /dev/vfio/17: Operation not permitted
EAL: Requested device 0000:02:10.0 cannot be used
TELEMETRY: No legacy callbacks, legacy socket not created
testpmd: No probed ethernet devices
"""
