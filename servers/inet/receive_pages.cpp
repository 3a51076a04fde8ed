#include "receive_pages.hpp"

#include "receive_store.hpp"

#include <ant/interface/inet.hpp>
#include <ant/syscalls.hpp>

#include <utility>

namespace ant::inet_server {

pbuf* ReceivePages::copy_frame(const void* frame, std::uint32_t bytes) {
    pbuf* p = pbuf_alloc(PBUF_RAW, static_cast<u16_t>(bytes), PBUF_RAM);
    if (p != nullptr) __builtin_memcpy(p->payload, frame, bytes);  // of this kind a buffer is never a chain
    return p;
}

pbuf* ReceivePages::take_frame(std::uint64_t page, std::uint32_t offset, std::uint32_t bytes) {
    auto* frame = reinterpret_cast<std::byte*>(page + offset);
    const bool room_for_note = offset + bytes <= page_room;
    Buffer* buffer = bytes > inet::short_frame && room_for_note ? buffers_.take() : nullptr;
    if (buffer == nullptr) {
        pbuf* copy = copy_frame(frame, bytes);
        give_back(page);
        return copy;
    }
    buffer->custom_free_function = freed;
    buffer->page = page;
    buffer->pages = this;
    return pbuf_alloced_custom(PBUF_RAW, static_cast<u16_t>(bytes), PBUF_REF, buffer, frame, static_cast<u16_t>(bytes));
}

void ReceivePages::freed(pbuf* p) {
    auto* buffer = static_cast<Buffer*>(reinterpret_cast<pbuf_custom*>(p));  // the pbuf is its first member
    ReceivePages& pages = *buffer->pages;
    const std::uint64_t page = buffer->page;
    pages.buffers_.give(buffer);
    if (page != 0) pages.give_back(page);
}

// Every custom pbuf that lwIP hands upwards is one of ours.
std::uint64_t ReceivePages::take_page(pbuf* p) {
    if ((p->flags & PBUF_FLAG_IS_CUSTOM) == 0 || p->ref != 1) return 0;
    return std::exchange(static_cast<Buffer*>(reinterpret_cast<pbuf_custom*>(p))->page, 0);
}

std::uint64_t ReceivePages::page() {
    if (const std::uint64_t page = returns_.pop(); page != 0) return page;
    return sys::ica_reserve(1).value_or(0);
}

bool ReceivePages::has_spare() {
    if (returns_.count() != 0) return true;
    const auto page = sys::ica_reserve(1);
    return page && returns_.push(*page);
}

void ReceivePages::give_back(std::uint64_t page) {
    if (!returns_.push(page)) (void)sys::ica_release(page);
}

}  // namespace ant::inet_server
