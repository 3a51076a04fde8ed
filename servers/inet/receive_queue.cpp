#include "receive_queue.hpp"

#include <algorithm>

namespace ant::inet_server {

QueuedPacket* ReceiveQueue::append(pbuf* p) {
    QueuedPacket* packet = pool_.take();
    if (packet == nullptr) return nullptr;
    packet->data = p;
    packets_.push_back(packet);
    bytes_ += p->tot_len;
    return packet;
}

bool ReceiveQueue::push_segment(pbuf* p) {
    if (p->tot_len <= small_segment && gather(p)) {
        pbuf_free(p);
        return true;
    }
    return append(p) != nullptr;
}

// Copies p behind the last buffer's bytes, or into a fresh buffer.
bool ReceiveQueue::gather(pbuf* p) {
    const std::uint32_t count = p->tot_len;
    QueuedPacket* last = packets_.back();
    if (last == nullptr || last->room < count) {
        pbuf* buffer = pbuf_alloc(PBUF_RAW, gather_bytes, PBUF_RAM);
        if (buffer == nullptr) return false;
        auto* start = static_cast<std::byte*>(buffer->payload);
        buffer->len = buffer->tot_len = 0;
        last = append(buffer);
        if (last == nullptr) {
            pbuf_free(buffer);
            return false;
        }
        last->end = start;
        last->room = gather_bytes;
    }
    pbuf_copy_partial(p, last->end, static_cast<u16_t>(count), 0);
    last->end += count;
    last->room -= count;
    last->data->len = last->data->tot_len = static_cast<u16_t>(last->data->len + count);
    bytes_ += count;
    return true;
}

bool ReceiveQueue::push_datagram(pbuf* p, std::uint32_t ip, std::uint16_t port) {
    QueuedPacket* packet = append(p);
    if (packet == nullptr) return false;
    packet->ip = ip;
    packet->port = port;
    return true;
}

std::size_t ReceiveQueue::copy(std::span<std::byte> to) {
    std::size_t done = 0;
    for (QueuedPacket* packet = packets_.front(); packet != nullptr && done < to.size(); packet = packets_.after(packet)) {
        const std::size_t count = std::min<std::size_t>(to.size() - done, packet->data->tot_len);
        done += pbuf_copy_partial(packet->data, to.data() + done, static_cast<u16_t>(count), 0);
    }
    return done;
}

void ReceiveQueue::consume(std::size_t count) {
    while (count != 0) {
        QueuedPacket* packet = packets_.front();
        const std::size_t there = packet->data->tot_len;
        if (count < there) {
            packet->data = pbuf_free_header(packet->data, static_cast<u16_t>(count));
            bytes_ -= static_cast<std::uint32_t>(count);
            return;
        }
        count -= there;
        drop_front();
    }
}

void ReceiveQueue::drop_front() {
    QueuedPacket* packet = packets_.pop_front();
    bytes_ -= packet->data->tot_len;
    pbuf_free(packet->data);
    pool_.give(packet);
}

void ReceiveQueue::clear() {
    while (!packets_.empty()) drop_front();
}

}  // namespace ant::inet_server
