/* ccrowd ADDRESS PORT: many connections to somebody who does not read yet. Each is filled without waiting until it takes no more;
   later, when the other end reads, each gets the rest. Every byte says where in its stream it is. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { connections = 70, piece = 16 * 1024, last = 64 * 1024, period = 251 };

static char pattern[last + period];
static int streams[connections];
static long sent[connections];

static int complain(const char* what) {
    fprintf(stderr, "ccrowd: FAILED: %s: %s\n", what, strerror(errno));
    return 1;
}

static int fill(int i) {
    for (;;) {
        const ssize_t n = send(streams[i], pattern + sent[i] % period, piece, MSG_DONTWAIT);
        if (n < 0) return errno == EAGAIN ? 0 : -1;
        sent[i] += n;
    }
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(argv[1]), .sin_port = htons(atoi(argv[2]))};
    for (int i = 0; i < (int)sizeof pattern; ++i) pattern[i] = (char)(i % period);
    long total = 0;
    for (int i = 0; i < connections; ++i) {
        streams[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (streams[i] < 0 || connect(streams[i], (struct sockaddr*)&address, sizeof address) != 0) return complain("connect");
        if (fill(i) != 0) return complain("send without waiting");
        total += sent[i];
    }
    printf("ccrowd: %ld bytes\n", total);
    for (int i = 0; i < connections; ++i) {
        if (send(streams[i], pattern + sent[i] % period, last, 0) != last) return complain("send");
        close(streams[i]);
    }
    printf("ccrowd: all good\n");
    return 0;
}
