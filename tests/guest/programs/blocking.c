// An echo server for one connection after the other, which waits in accept, recv and send. An ordinary program on BSD sockets.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    const int server = socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(5001), .sin_addr.s_addr = htonl(INADDR_ANY)};
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (server < 0 || bind(server, (struct sockaddr*)&own, sizeof own) != 0 || listen(server, 4) != 0) {
        perror("blocking");
        return 1;
    }
    for (;;) {
        const int peer = accept(server, NULL, NULL);
        if (peer < 0) {
            perror("accept");
            return 1;
        }
        char data[4096];
        ssize_t bytes;
        while ((bytes = recv(peer, data, sizeof data, 0)) > 0)
            for (ssize_t done = 0, count; done < bytes; done += count)
                if ((count = send(peer, data + done, (size_t)(bytes - done), 0)) < 0) break;
        if (bytes < 0) perror("recv");
        close(peer);
    }
}
