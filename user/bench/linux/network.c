// What `ant bench send`, `rtt` and `throughput` measure, under Linux, to programs on the host (tools/antlib/network_peer.py).
// network HOST PORT send|rtt|stall, or bulk MIB: what is counted stands between marks for the plugin of the emulator
// (tools/plugin); to the processor they are no operation.
#define _GNU_SOURCE
#include "connection.h"

#include <netinet/tcp.h>
#include <string.h>

#define MARK(number) __asm__ volatile(".byte 0x0f, 0x1f, 0x80\n\t.long 0x416e5400 + " #number ::: "memory")
#define SERIES() MARK(1)
#define BEGIN() MARK(2)
#define END() MARK(3)

enum { sends = 200, round_trips = 500, warm_up = 50, block = 64 << 10, stall_seconds = 15 };
static const uint32_t send_sizes[] = {256, 512, 768, 1024, 1460, 2048, 4096, 16384};
static const uint32_t questions[] = {256, 512, 768, 1024};
static char buffer[block];

static void send_all(int stream, uint32_t bytes) {
    for (uint32_t done = 0; done < bytes;) {
        const ssize_t n = send(stream, buffer, bytes - done < block ? bytes - done : block, 0);
        if (n <= 0) fail("send");
        done += (uint32_t)n;
    }
}

static void receive_all(int stream, uint32_t bytes) {
    for (uint32_t done = 0; done < bytes;) {
        const ssize_t n = recv(stream, buffer, bytes - done < block ? bytes - done : block, 0);
        if (n <= 0) fail("recv");
        done += (uint32_t)n;
    }
}

static void measure_send(void) {
    for (unsigned s = 0; s < sizeof send_sizes / sizeof *send_sizes; ++s) {
        const int stream = connection("swallow", 0);
        for (unsigned i = 0; i < warm_up; ++i) send_all(stream, send_sizes[s]), usleep(3000);
        printf("series send.%u.total\n", send_sizes[s]);
        SERIES();
        for (unsigned i = 0; i < sends; ++i) {
            usleep(3000);  // until it is acknowledged and the machine idle
            BEGIN();
            const ssize_t sent = send(stream, buffer, send_sizes[s], 0);
            END();
            if (sent != (ssize_t)send_sizes[s]) fail("send");
        }
        close(stream);
    }
}

static void measure_round_trip(void) {
    for (unsigned q = 0; q < sizeof questions / sizeof *questions; ++q) {
        const int stream = connection("answer", questions[q]);
        for (unsigned i = 0; i < warm_up; ++i) send_all(stream, questions[q]), receive_all(stream, 1);
        printf("series rtt.%u.instructions\n", questions[q]);
        SERIES();
        for (unsigned i = 0; i < round_trips; ++i) {
            BEGIN();
            send_all(stream, questions[q]), receive_all(stream, 1);
            END();
        }
        close(stream);
    }
}

static void measure_bulk(uint32_t bulk_bytes) {
    for (int sending = 1; sending >= 0; --sending) {
        const int stream = connection(sending ? "sink" : "source", bulk_bytes);
        printf("series throughput.%s.segment_instructions\n", sending ? "send" : "recv");
        SERIES();
        BEGIN();
        if (sending) {
            send_all(stream, bulk_bytes);
            receive_all(stream, 1);  // that all has arrived
        } else {
            send_all(stream, 1);  // that it may begin
            receive_all(stream, bulk_bytes);
        }
        END();
        close(stream);
    }
}

// Sends for some seconds while something else happens to the card.
static void measure_stall(void) {
    const int stream = connection("stall", 0);
    const time_t end = time(NULL) + stall_seconds;
    while (time(NULL) < end) send_all(stream, block);
    buffer[0] = 'E';
    send_all(stream, 1);
    receive_all(stream, 1);  // that all has arrived
    struct tcp_info information;
    socklen_t length = sizeof information;
    if (getsockopt(stream, IPPROTO_TCP, TCP_INFO, &information, &length) != 0) fail("TCP_INFO");
    print_value("nicswap.retransmissions", "segments", information.tcpi_total_retrans);
    close(stream);
}

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    host = argv[1], port = argv[2];
    if (strcmp(argv[3], "send") == 0)
        measure_send();
    else if (strcmp(argv[3], "rtt") == 0)
        measure_round_trip();
    else if (strcmp(argv[3], "bulk") == 0 && argc == 5)
        measure_bulk((uint32_t)atoi(argv[4]) << 20);
    else if (strcmp(argv[3], "stall") == 0)
        measure_stall();
    else
        return 2;
    printf("bench network done\n");
    return 0;
}
