// Sends every datagram back to where it came from. An ordinary program on BSD sockets.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void) {
    const int server = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = htonl(INADDR_ANY)};
    if (server < 0 || bind(server, (struct sockaddr*)&own, sizeof own) != 0) {
        perror("udp_echo");
        return 1;
    }
    for (;;) {
        char data[2048];
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        const ssize_t bytes = recvfrom(server, data, sizeof data, 0, (struct sockaddr*)&peer, &length);
        if (bytes >= 0) sendto(server, data, (size_t)bytes, 0, (struct sockaddr*)&peer, length);
    }
}
