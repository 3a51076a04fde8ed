/* UDP over the loopback with everything a program may do to a datagram socket; needs no peer. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

static int failures;

static void check(const char* what, int good) {
    printf("cudp: %s: %s\n", what, good ? "ok" : "FAILED");
    if (!good) ++failures;
}

static int bound_socket(struct sockaddr_in* address) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    socklen_t bytes = sizeof *address;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr*)address, bytes) != 0) return -1;
    getsockname(fd, (struct sockaddr*)address, &bytes);
    return fd;
}

static int readable(int fd, int milliseconds) {
    struct timeval limit = {milliseconds / 1000, milliseconds % 1000 * 1000};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    return select(fd + 1, &set, NULL, NULL, &limit);
}

static void test_datagrams(int a, int b, const struct sockaddr_in* at_a, const struct sockaddr_in* at_b) {
    char buffer[64] = "";
    struct sockaddr_in from;
    socklen_t bytes = sizeof from;
    int pending = 0;
    check("bind chose a port", ntohs(at_a->sin_port) != 0 && at_a->sin_port != at_b->sin_port);
    check("nothing to read yet", readable(b, 0) == 0);
    check("sendto", sendto(a, "hello", 5, 0, (const struct sockaddr*)at_b, sizeof *at_b) == 5);
    check("select", readable(b, 2000) == 1);
    check("FIONREAD", ioctl(b, FIONREAD, &pending) == 0 && pending >= 5);
    check("peek", recv(b, buffer, sizeof buffer, MSG_PEEK) == 5 && memcmp(buffer, "hello", 5) == 0);
    check("recvfrom", recvfrom(b, buffer, sizeof buffer, 0, (struct sockaddr*)&from, &bytes) == 5);
    check("the sender's address", from.sin_port == at_a->sin_port && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    check("empty again", recv(b, buffer, sizeof buffer, MSG_DONTWAIT) == -1 && errno == EAGAIN);
}

static void test_messages(int a, int b, const struct sockaddr_in* at_b) {
    char one[] = "one", two[] = "-two", left[3], right[16] = "";
    struct sockaddr_in from;
    struct iovec out[] = {{one, 3}, {two, 4}}, in[] = {{left, sizeof left}, {right, sizeof right}};
    struct msghdr sent = {.msg_name = (void*)at_b, .msg_namelen = sizeof *at_b, .msg_iov = out, .msg_iovlen = 2};
    struct msghdr received = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = in, .msg_iovlen = 2};
    check("sendmsg gathers", sendmsg(a, &sent, 0) == 7);
    check("recvmsg scatters", readable(b, 2000) == 1 && recvmsg(b, &received, 0) == 7 && memcmp(left, "one", 3) == 0 &&
                                  memcmp(right, "-two", 4) == 0);
}

static void test_waiting(int fd) {
    struct timeval limit = {0, 50000}, before, after;
    char c;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    gettimeofday(&before, NULL);
    check("SO_RCVTIMEO", recv(fd, &c, 1, 0) == -1 && errno == EAGAIN);
    gettimeofday(&after, NULL);
    check("and it waited", (after.tv_sec - before.tv_sec) * 1000000 + after.tv_usec - before.tv_usec >= 50000);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    check("non-blocking", recv(fd, &c, 1, 0) == -1 && errno == EAGAIN);
}

int main(void) {
    struct sockaddr_in at_a, at_b;
    int a = bound_socket(&at_a), b = bound_socket(&at_b);
    check("sockets", a >= 0 && b >= 0);
    if (a < 0 || b < 0) return 1;
    test_datagrams(a, b, &at_a, &at_b);
    test_messages(a, b, &at_b);
    test_waiting(b);
    check("duplicate", dup2(b, 20) == 20 && close(b) == 0 && fcntl(20, F_GETFL) != -1);
    check("closed", close(20) == 0 && recv(20, &at_b, 1, 0) == -1 && errno == EBADF);
    printf("cudp: %s\n", failures == 0 ? "all good" : "some checks failed");
    return failures == 0 ? 0 : 1;
}
