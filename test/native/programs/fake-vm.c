// What a VM's card is to mocker-netd, without a VM: a tap in a network namespace of its own, joined to the
// card socket. fake-vm SOCKET ENDPOINT MAC ADDRESS PREFIX GATEWAY MTU (ENDPOINT "": passt's socket). It says
// "ready" when the namespace can be used; it ends with its stdin.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void set_address(int fd, const char *name, unsigned long request, const char *address) {
    struct ifreq ifr = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&ifr.ifr_addr;
    strcpy(ifr.ifr_name, name);
    in->sin_family = AF_INET;
    if (inet_pton(AF_INET, address, &in->sin_addr) != 1 || ioctl(fd, request, &ifr) < 0) fail(address);
}

static void set_up(int fd, const char *name) {
    struct ifreq ifr = {.ifr_flags = IFF_UP | IFF_RUNNING};
    strcpy(ifr.ifr_name, name);
    if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0) fail("up");
}

static int make_tap(char **argv) {
    int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    strcpy(ifr.ifr_name, "eth0");
    if (tap < 0 || ioctl(tap, TUNSETIFF, &ifr) < 0) fail("tap");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unsigned char *mac = (unsigned char *)ifr.ifr_hwaddr.sa_data;
    ifr.ifr_hwaddr.sa_family = 1;
    if (sscanf(argv[3], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6 ||
        ioctl(fd, SIOCSIFHWADDR, &ifr) < 0)
        fail("mac");
    ifr.ifr_mtu = atoi(argv[7]);
    if (ioctl(fd, SIOCSIFMTU, &ifr) < 0) fail("mtu");
    set_up(fd, "lo");
    set_address(fd, "eth0", SIOCSIFADDR, argv[4]);
    struct in_addr mask = {htonl(~0U << (32 - atoi(argv[5])))};
    set_address(fd, "eth0", SIOCSIFNETMASK, inet_ntoa(mask));
    set_up(fd, "eth0");
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    struct sockaddr_in in = {.sin_family = AF_INET};
    memcpy(&route.rt_dst, &in, sizeof in);
    memcpy(&route.rt_genmask, &in, sizeof in);
    if (inet_pton(AF_INET, argv[6], &in.sin_addr) != 1) fail(argv[6]);
    memcpy(&route.rt_gateway, &in, sizeof in);
    if (ioctl(fd, SIOCADDRT, &route) < 0) fail("route");
    int range = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY | O_CLOEXEC);
    if (range >= 0 && write(range, "0 2147483647", 12) < 0) perror("ping_group_range");
    close(range);
    close(fd);
    return tap;
}

static int join_card(char **argv) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail(argv[1]);
    // passt speaks the same frames, without a handshake.
    if (argv[2][0] == 0) return fd;
    char line[256];
    int length = snprintf(line, sizeof line, "{\"version\":1,\"endpoint\":\"%s\"}\n", argv[2]);
    if (write(fd, line, length) != length) fail("handshake");
    char answer[4096];
    int got = 0;
    while (got < (int)sizeof answer - 1 && read(fd, answer + got, 1) == 1 && answer[got] != '\n') ++got;
    answer[got] = 0;
    if (strcmp(answer, "{\"ok\":true}") != 0) {
        fprintf(stderr, "%s\n", answer);
        exit(1);
    }
    return fd;
}

static char incoming[1 << 20];
static size_t have;

// Writes the whole frames that have come to the tap.
static int from_card(int card, int tap) {
    ssize_t got = read(card, incoming + have, sizeof incoming - have);
    if (got <= 0) return 0;
    have += got;
    size_t at = 0;
    while (have - at >= 4) {
        unsigned length;
        memcpy(&length, incoming + at, 4);
        length = ntohl(length);
        if (have - at < 4 + length) break;
        if (write(tap, incoming + at + 4, length) < 0 && errno != EIO && errno != EINVAL) perror("tap");
        at += 4 + length;
    }
    memmove(incoming, incoming + at, have - at);
    have -= at;
    return 1;
}

static int from_tap(int tap, int card) {
    static char frame[1 << 17];
    ssize_t got = read(tap, frame + 4, sizeof frame - 4);
    if (got < 0) return errno == EAGAIN;
    unsigned length = htonl(got);
    memcpy(frame, &length, 4);
    for (ssize_t at = 0; at < got + 4;) {
        ssize_t put = write(card, frame + at, got + 4 - at);
        if (put < 0) return 0;
        at += put;
    }
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 8) return 2;
    if (unshare(CLONE_NEWNET) < 0) fail("unshare");
    int tap = make_tap(argv);
    int card = join_card(argv);
    puts("ready");
    fflush(stdout);
    struct pollfd fds[] = {{card, POLLIN, 0}, {tap, POLLIN, 0}, {0, POLLIN, 0}};
    for (;;) {
        if (poll(fds, 3, -1) < 0) fail("poll");
        if (fds[2].revents) return 0;
        if (fds[0].revents && !from_card(card, tap)) return 0;
        if (fds[1].revents && !from_tap(tap, card)) return 0;
    }
}
