/* delay_line NAMESPACE-A DEVICE-A NAMESPACE-B DEVICE-B: a wire between two TUN devices, each in a network namespace.
 *
 * What is written into one comes out of the other after a delay, in order. Rate and loss are the kernel's (tc, nft);
 * delay is not, where it was built without netem. Standard input sets it, one line each time:
 *
 *     DELAY_US JITTER_US          for each direction; jitter is drawn from 0 to JITTER_US for each packet
 *
 * and ends the program when it is closed, so that it never outlives whoever made the wire. "ready" is said once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 1 << 16, PACKET_BYTES = 1 << 16 };

struct packet {
    uint64_t due_ns;
    size_t length;
    unsigned char octets[];
};

/* The packets on their way in one direction, the oldest at `first`. */
struct way {
    int from, to;
    size_t first, count;
    uint64_t last_due_ns;
    struct packet *packets[SLOTS];
};

static uint64_t delay_ns, jitter_ns, chance = 0x9E3779B97F4A7C15u;
static struct way ways[2];

static void fail(const char *what)
{
    fprintf(stderr, "delay_line: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int tun(const char *space, const char *device)
{
    char path[256];
    struct ifreq request;
    snprintf(path, sizeof path, "/run/netns/%s", space);
    int inside = open(path, O_RDONLY | O_CLOEXEC);
    if (inside < 0 || setns(inside, CLONE_NEWNET))
        fail(path);
    close(inside);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        fail("/dev/net/tun");
    memset(&request, 0, sizeof request);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    strncpy(request.ifr_name, device, IFNAMSIZ - 1);
    if (ioctl(fd, TUNSETIFF, &request))
        fail(device);
    return fd;
}

static uint64_t drawn(uint64_t below)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return below ? chance % below : 0;
}

static void take(struct way *way)
{
    static unsigned char octets[PACKET_BYTES];
    while (way->count < SLOTS) {
        ssize_t length = read(way->from, octets, sizeof octets);
        if (length <= 0)
            return;
        struct packet *packet = malloc(sizeof *packet + (size_t)length);
        if (packet == NULL)
            fail("memory");
        packet->due_ns = now_ns() + delay_ns + drawn(jitter_ns);
        if (packet->due_ns < way->last_due_ns)
            packet->due_ns = way->last_due_ns;
        way->last_due_ns = packet->due_ns;
        packet->length = (size_t)length;
        memcpy(packet->octets, octets, (size_t)length);
        way->packets[(way->first + way->count++) % SLOTS] = packet;
    }
}

/* Let out what is due; return when the next packet is, or UINT64_MAX. */
static uint64_t give(struct way *way)
{
    uint64_t now = now_ns();
    while (way->count) {
        struct packet *packet = way->packets[way->first];
        if (packet->due_ns > now)
            return packet->due_ns;
        if (write(way->to, packet->octets, packet->length) < 0 && errno == EBADF)
            fail("write");
        free(packet);
        way->first = (way->first + 1) % SLOTS;
        way->count--;
    }
    return UINT64_MAX;
}

static void obey(void)
{
    char line[256];
    unsigned long long delay_us, jitter_us;
    ssize_t length = read(0, line, sizeof line - 1);
    if (length <= 0)
        exit(0);
    line[length] = 0;
    if (sscanf(line, "%llu %llu", &delay_us, &jitter_us) == 2) {
        delay_ns = delay_us * 1000;
        jitter_ns = jitter_us * 1000;
    }
}

int main(int count, char **words)
{
    if (count != 5) {
        fprintf(stderr, "delay_line NAMESPACE-A DEVICE-A NAMESPACE-B DEVICE-B\n");
        return 2;
    }
    ways[0].from = ways[1].to = tun(words[1], words[2]);
    ways[1].from = ways[0].to = tun(words[3], words[4]);
    puts("ready");
    fflush(stdout);
    for (;;) {
        uint64_t next = give(&ways[0]), other = give(&ways[1]), now = now_ns();
        if (other < next)
            next = other;
        struct timespec wait = {0, 0};
        if (next > now && next != UINT64_MAX) {
            wait.tv_sec = (time_t)((next - now) / 1000000000u);
            wait.tv_nsec = (long)((next - now) % 1000000000u);
        }
        struct pollfd looked[3] = {{ways[0].from, POLLIN, 0}, {ways[1].from, POLLIN, 0}, {0, POLLIN, 0}};
        if (ppoll(looked, 3, next == UINT64_MAX ? NULL : &wait, NULL) < 0 && errno != EINTR)
            fail("poll");
        if (looked[2].revents)
            obey();
        take(&ways[0]);
        take(&ways[1]);
    }
}
