/* csock http://HOST[:PORT]/PATH: fetches a page by BSD sockets; prints the head and the length and sum of the body. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct url {
    char host[128], port[8], path[512];
};

static int parse_url(const char* text, struct url* url) {
    strcpy(url->port, "80");
    strcpy(url->path, "/");
    if (strncmp(text, "http://", 7) == 0) text += 7;
    return sscanf(text, "%127[^:/]:%7[0-9]/%510s", url->host, url->port, url->path + 1) >= 2 ||
           sscanf(text, "%127[^:/]/%510s", url->host, url->path + 1) >= 1;
}

static int connect_to(const struct url* url) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list = NULL;
    int error = getaddrinfo(url->host, url->port, &hints, &list);
    if (error != 0) {
        fprintf(stderr, "csock: %s: %s\n", url->host, gai_strerror(error));
        return -1;
    }
    int fd = -1;
    for (struct addrinfo* a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
            fprintf(stderr, "csock: connect: %s\n", strerror(errno));
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

static int send_all(int fd, const char* text) {
    size_t bytes = strlen(text);
    while (bytes != 0) {
        ssize_t sent = send(fd, text, bytes, MSG_NOSIGNAL);
        if (sent <= 0) return -1;
        text += sent;
        bytes -= (size_t)sent;
    }
    return 0;
}

/* FNV-1a, so that the output says whether two fetches brought the same. */
static uint64_t add_to_sum(uint64_t sum, const char* data, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) sum = (sum ^ (unsigned char)data[i]) * 0x100000001b3;
    return sum;
}

static int print_answer(int fd) {
    static char buffer[16384];
    char* body = NULL;
    size_t used = 0, total = 0;
    uint64_t sum = 0xcbf29ce484222325;
    ssize_t n;
    while (body == NULL && used < sizeof buffer - 1 && (n = recv(fd, buffer + used, sizeof buffer - 1 - used, 0)) > 0) {
        used += (size_t)n;
        buffer[used] = 0;
        body = strstr(buffer, "\r\n\r\n");
    }
    if (body == NULL) {
        fprintf(stderr, "csock: no HTTP answer\n");
        return 1;
    }
    body += 4;
    printf("%.*s\n", (int)strcspn(buffer, "\r\n"), buffer);
    total = used - (size_t)(body - buffer);
    sum = add_to_sum(sum, body, total);
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0) {
        sum = add_to_sum(sum, buffer, (size_t)n);
        total += (size_t)n;
    }
    if (n < 0) {
        fprintf(stderr, "csock: recv: %s\n", strerror(errno));
        return 1;
    }
    printf("csock: body %zu bytes, sum %016llx\n", total, (unsigned long long)sum);
    return 0;
}

int main(int argc, char** argv) {
    struct url url;
    char request[800];
    if (argc != 2 || !parse_url(argv[1], &url)) {
        fprintf(stderr, "usage: csock http://HOST[:PORT]/PATH\n");
        return 2;
    }
    int fd = connect_to(&url);
    if (fd < 0) return 1;
    int on = 1;
    struct timeval limit = {20, 0};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n", url.path, url.host);
    int status = send_all(fd, request) == 0 ? print_answer(fd) : 1;
    close(fd);
    return status;
}
