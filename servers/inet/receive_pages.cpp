#include "receive_pages.hpp"

#include <ant/syscalls.hpp>

namespace ant::inet_server {

pbuf* ReceivePages::copy_frame(const void* frame, std::uint32_t bytes) {
    pbuf* p = pbuf_alloc(PBUF_RAW, static_cast<u16_t>(bytes), PBUF_RAM);
    if (p != nullptr) (void)pbuf_take(p, frame, static_cast<u16_t>(bytes));
    return p;
}

pbuf* ReceivePages::take_frame(std::uint64_t page, std::uint32_t offset, std::uint32_t bytes) {
    auto* frame = reinterpret_cast<std::byte*>(page + offset);
    Buffer* buffer = bytes > small_frame ? buffers_.take() : nullptr;
    if (buffer == nullptr) {
        pbuf* copy = copy_frame(frame, bytes);
        give_back(page);
        return copy;
    }
    buffer->custom_free_function = freed;
    buffer->page = page;
    buffer->pages = this;
    used_.push_back(buffer);
    return pbuf_alloced_custom(PBUF_RAW, static_cast<u16_t>(bytes), PBUF_REF, buffer, frame, static_cast<u16_t>(bytes));
}

void ReceivePages::freed(pbuf* p) {
    auto* buffer = static_cast<Buffer*>(reinterpret_cast<pbuf_custom*>(p));  // the pbuf is its first member
    ReceivePages& pages = *buffer->pages;
    const std::uint64_t page = buffer->page;
    List<Buffer>::remove(buffer);
    pages.buffers_.give(buffer);
    pages.give_back(page);
}

void ReceivePages::give_back(std::uint64_t page) {
    if (!returns_.push(page)) (void)sys::ica_release(page);
}

}  // namespace ant::inet_server
