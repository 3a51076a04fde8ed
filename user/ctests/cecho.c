/* cecho PORT [CONNECTIONS]: TCP echo server with poll and non-blocking sockets; ends after that many connections. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { max_clients = 32, buffer_bytes = 8192 };

struct client {
    size_t begin, end; /* of what is to be sent back */
    char buffer[buffer_bytes];
};

static struct pollfd set[1 + max_clients];
static struct client clients[1 + max_clients];
static nfds_t used = 1;
static long accepted, closed;

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, 8) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void add_client(void) {
    int fd = accept(set[0].fd, NULL, NULL);
    if (fd < 0) return;
    ++accepted;
    if (used == 1 + max_clients) {
        close(fd);
        ++closed;
        return;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    clients[used].begin = clients[used].end = 0;
    set[used++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void drop_client(nfds_t i) {
    close(set[i].fd);
    ++closed;
    set[i] = set[--used];
    clients[i] = clients[used];
}

/* 0 when the client is gone. */
static int serve(nfds_t i) {
    struct client* client = &clients[i];
    if (client->begin == client->end) {
        ssize_t n = read(set[i].fd, client->buffer, sizeof client->buffer);
        if (n == 0 || (n < 0 && errno != EAGAIN)) return 0;
        client->begin = 0;
        client->end = n > 0 ? (size_t)n : 0;
    }
    if (client->begin != client->end) {
        ssize_t n = write(set[i].fd, client->buffer + client->begin, client->end - client->begin);
        if (n < 0 && errno != EAGAIN) return 0;
        if (n > 0) client->begin += (size_t)n;
    }
    set[i].events = client->begin == client->end ? POLLIN : POLLOUT;
    return 1;
}

int main(int argc, char** argv) {
    int port = argc > 1 ? atoi(argv[1]) : 0;
    long limit = argc > 2 ? atol(argv[2]) : 0;
    if (port <= 0 || port > 65535) {
        fprintf(stderr, "usage: cecho PORT [CONNECTIONS]\n");
        return 2;
    }
    set[0] = (struct pollfd){.fd = listen_on(port), .events = POLLIN};
    if (set[0].fd < 0) {
        fprintf(stderr, "cecho: port %d: %s\n", port, strerror(errno));
        return 1;
    }
    printf("cecho: listening on port %d\n", port);
    while (limit == 0 || closed < limit) {
        if (poll(set, used, -1) < 0) {
            fprintf(stderr, "cecho: poll: %s\n", strerror(errno));
            return 1;
        }
        for (nfds_t i = used; i-- > 1;)
            if (set[i].revents != 0 && !serve(i)) drop_client(i);
        if (set[0].revents != 0) add_client();
    }
    printf("cecho: %ld connections served\n", accepted);
    return 0;
}
