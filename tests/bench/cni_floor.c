// Copyright (c) 2026 the baremetal.sriov authors
// GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// What no CNI plugin that moves an interface can do without, and nothing more: called as one, ADD opens both namespaces,
// moves the interface DEVICE and renames it in one message, sets it up and adds an address; DEL moves it back. Built with
// -DDEVICE='"NAME"'. Layouts: linux/rtnetlink.h, linux/if_link.h.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    struct nlmsghdr header;
    char body[512];
};

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static void put(struct request *request, int kind, const void *data, int size) {
    struct rtattr *attribute = (void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
    attribute->rta_type = kind;
    attribute->rta_len = RTA_LENGTH(size);
    memcpy(RTA_DATA(attribute), data, size);
    request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

static void send_it(int at, struct request *request, const char *what) {
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[1024];
    } answer;
    request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (request->header.nlmsg_type == RTM_NEWADDR ? NLM_F_CREATE : 0);
    if (send(at, request, request->header.nlmsg_len, 0) < 0 || recv(at, &answer, sizeof answer, 0) < 0) fail(what);
    if (answer.error.error) {
        errno = -answer.error.error;
        fail(what);
    }
}

static struct request link_request(int index, unsigned flags) {
    struct request request = {.header = {.nlmsg_type = RTM_SETLINK, .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg))}};
    struct ifinfomsg *info = (void *)request.body;
    info->ifi_index = index;
    info->ifi_flags = info->ifi_change = flags;
    return request;
}

static void move(int at, const char *name, int to, const char *new_name) {
    struct request request = link_request(if_nametoindex(name), 0);
    put(&request, IFLA_NET_NS_FD, &to, sizeof to);
    put(&request, IFLA_IFNAME, new_name, strlen(new_name) + 1);
    send_it(at, &request, "move");
}

int main(void) {
    const char *command = getenv("CNI_COMMAND"), *path = getenv("CNI_NETNS"), *name = getenv("CNI_IFNAME");
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), pod = open(path ? path : "", O_RDONLY | O_CLOEXEC);
    if (home < 0 || pod < 0 || !command || !name) return fail("namespaces");
    int at = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (!strcmp(command, "ADD")) move(at, DEVICE, pod, name);
    if (setns(pod, CLONE_NEWNET)) return fail("setns");
    int inside = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (strcmp(command, "ADD")) {
        move(inside, name, home, DEVICE);
        return 0;
    }
    int index = if_nametoindex(name);
    struct request up = link_request(index, IFF_UP);
    send_it(inside, &up, "up");
    struct request address = {.header = {.nlmsg_type = RTM_NEWADDR, .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg))}};
    struct ifaddrmsg *info = (void *)address.body;
    struct in_addr ip = {htonl(0xC6336405)};  // 198.51.100.5
    info->ifa_family = AF_INET;
    info->ifa_prefixlen = 24;
    info->ifa_index = index;
    put(&address, IFA_LOCAL, &ip, sizeof ip);
    send_it(inside, &address, "address");
    return 0;
}
