// What has arrived for a socket and has not been fetched: segments of a stream, or datagrams with their sender.
#pragma once

#include "intrusive_list.hpp"

#include <lwip/pbuf.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace ant::inet_server {

struct QueuedPacket : Linked<QueuedPacket> {
    pbuf* data = nullptr;
    std::uint32_t ip = 0;  // datagram: the sender
    std::uint16_t port = 0;
    std::byte* end = nullptr;  // gathering buffer: where the next bytes go
    std::uint32_t room = 0;    // and how many
};
using PacketPool = Pool<QueuedPacket, 3072>;

class ReceiveQueue {
public:
    explicit ReceiveQueue(PacketPool& pool) : pool_{pool} {}
    ~ReceiveQueue() { clear(); }

    // Takes `p`. False: no memory, `p` stays with the caller. Small segments are gathered in one buffer:
    // a peer that sends single bytes must not cost a page or a list element for each.
    bool push_segment(pbuf* p);
    bool push_datagram(pbuf* p, std::uint32_t ip, std::uint16_t port);

    [[nodiscard]] bool empty() const { return packets_.empty(); }
    [[nodiscard]] std::uint32_t bytes() const { return bytes_; }
    [[nodiscard]] QueuedPacket* front() { return packets_.front(); }
    [[nodiscard]] std::uint32_t front_bytes() { return empty() ? 0 : packets_.front()->data->tot_len; }

    // Copies from the stream's beginning. -> bytes
    std::size_t copy(std::span<std::byte> to);
    // Takes bytes from the stream's beginning.
    void consume(std::size_t count);
    void drop_front();
    void clear();

private:
    static constexpr std::uint32_t small_segment = 512;
    static constexpr std::uint32_t gather_bytes = 2048;
    bool gather(pbuf* p);
    QueuedPacket* append(pbuf* p);

    PacketPool& pool_;
    List<QueuedPacket> packets_;
    std::uint32_t bytes_ = 0;
};

}  // namespace ant::inet_server
