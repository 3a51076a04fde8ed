// A TCP connection to the programs on the host (tools/antlib/network_peer.py), whose address is `host` and `port`.
#pragma once

#include "figure.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *host, *port;

// `what` the other end is to do, with `count` bytes: one line of text, which it answers by a line.
static int connection(const char* what, uint32_t count) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    const int one = 1;
    char line[64];
    int stream = -1;
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail(host);
    for (int attempt = 0;; ++attempt) {  // until this machine has an address
        stream = socket(AF_INET, SOCK_STREAM, 0);
        if (stream < 0) fail("socket");
        if (connect(stream, (struct sockaddr*)&address, sizeof address) == 0) break;
        if (attempt == 300) fail("connect");
        close(stream);
        usleep(100000);
    }
    setsockopt(stream, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const int length = snprintf(line, sizeof line, "%s %u\n", what, count);
    if (write(stream, line, (size_t)length) != length || read(stream, line, 1) != 1) fail(what);
    return stream;
}
