/* cpoll: poll over many connections of this host to itself, most of which have nothing to say. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { pairs = 24, rounds = 3, patience_ms = 20000 };

static struct pollfd set[pairs];
static int others[pairs];
static int failed;

static void check(int good, const char* what, int which) {
    if (good) return;
    printf("cpoll: FAILED: %s, connection %d\n", what, which);
    failed = 1;
}

static int connect_all(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, pairs) != 0 ||
        getsockname(listener, (struct sockaddr*)&address, &bytes) != 0)
        return -1;
    for (int i = 0; i < pairs; ++i) {
        others[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (others[i] < 0 || connect(others[i], (struct sockaddr*)&address, sizeof address) != 0) return -1;
        set[i] = (struct pollfd){.fd = accept(listener, NULL, NULL), .events = POLLIN};
        if (set[i].fd < 0) return -1;
    }
    return close(listener);
}

/* Nobody has anything to say, but for this one (-1: nobody). */
static void expect_only(int which, int events, int timeout_ms, const char* what) {
    const int ready = poll(set, pairs, timeout_ms);
    check(ready == (which < 0 ? 0 : 1), what, which);
    for (int i = 0; i < pairs; ++i) check((set[i].revents & ~POLLHUP) == (i == which ? events : 0), what, i);
}

static void say_in_turn(void) {
    char byte;
    for (int i = 0; i < pairs * rounds && !failed; ++i) {
        const int which = i * 7 % pairs;
        check(send(others[which], "x", 1, 0) == 1, "send", which);
        expect_only(which, POLLIN, patience_ms, "one has a byte");
        expect_only(which, POLLIN, 0, "it still has");
        check(recv(set[which].fd, &byte, 1, 0) == 1, "recv", which);
        expect_only(-1, 0, 0, "it has been read");
    }
}

static void ask_for_room(int which) {
    set[which].events = POLLIN | POLLOUT;
    expect_only(which, POLLOUT, patience_ms, "there is room");
    set[which].events = POLLIN;
    expect_only(-1, 0, 0, "not asked for room");
}

/* Each in its own way; afterwards nobody asks for it any more. */
static void end_some(void) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    close(others[0]);
    expect_only(0, POLLIN, patience_ms, "the other end has closed it");
    set[0].fd = -1;
    shutdown(set[1].fd, SHUT_RD);
    expect_only(1, POLLIN, patience_ms, "this end has shut it");
    set[1].fd = -1;
    setsockopt(others[2], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(others[2]);
    expect_only(2, POLLIN | POLLERR, patience_ms, "reset");
    set[2].fd = -1;
    close(set[3].fd);
    expect_only(3, POLLNVAL, 0, "closed here");
    set[3].fd = -1;
    expect_only(-1, 0, 0, "the others");
}

int main(void) {
    if (connect_all() != 0) {
        fprintf(stderr, "cpoll: %s\n", strerror(errno));
        return 1;
    }
    expect_only(-1, 0, 0, "nothing yet");
    expect_only(-1, 0, 10, "nothing meanwhile");
    say_in_turn();
    for (int i = 0; i < pairs; ++i) ask_for_room(i);
    end_some();
    if (!failed) printf("cpoll: all good\n");
    return failed;
}
