// Listens, and accepts nobody.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    const int server = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(5001), .sin_addr.s_addr = htonl(INADDR_ANY)};
    if (server < 0 || bind(server, (struct sockaddr*)&own, sizeof own) != 0 || listen(server, 4) != 0) {
        perror("listening");
        return 1;
    }
    for (;;) sleep(1000);
}
