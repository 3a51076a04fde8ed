#include "receive_pages.hpp"

#include "receive_store.hpp"

#include <ant/records.hpp>
#include <ant/syscalls.hpp>

#include <lwip/prot/ethernet.h>
#include <lwip/prot/ip.h>
#include <lwip/prot/ip4.h>

#include <utility>

namespace ant::inet_server {

namespace {

// Before the page's other note: see PageNote.
struct HeaderNote {
    std::uint64_t call;  // written last
    std::uint64_t words[2];
};
constexpr std::uint32_t header_note_at = page_room - sizeof(HeaderNote);

HeaderNote& header_note_of(std::uint64_t page) { return *reinterpret_cast<HeaderNote*>(page + header_note_at); }

// What lwIP changes: ports, sequence and acknowledgement number, flags, window. nullptr: no such header.
std::byte* changed_header(std::uint64_t page, std::uint32_t offset, std::uint32_t bytes) {
    if (bytes < SIZEOF_ETH_HDR + IP_HLEN || offset + bytes > header_note_at) return nullptr;
    auto* frame = reinterpret_cast<std::uint8_t*>(page + offset);
    const std::uint8_t* ip = frame + SIZEOF_ETH_HDR;
    const std::uint32_t begin = SIZEOF_ETH_HDR + (ip[0] & 0xf) * 4u;
    if (frame[12] != 0x08 || frame[13] != 0x00 || ip[9] != IP_PROTO_TCP) return nullptr;
    return begin + sizeof HeaderNote::words <= bytes ? reinterpret_cast<std::byte*>(frame + begin) : nullptr;
}

}  // namespace

void ReceivePages::keep_header(std::uint64_t page, std::uint32_t offset, std::uint32_t bytes, std::uint64_t call) {
    const std::byte* header = changed_header(page, offset, bytes);
    if (header == nullptr) return;
    HeaderNote& note = header_note_of(page);
    __builtin_memcpy(note.words, header, sizeof note.words);
    record::ordered();
    note.call = call;
    record::ordered();
}

void ReceivePages::restore_header(std::uint64_t page, std::uint32_t offset, std::uint32_t bytes, std::uint64_t call) {
    std::byte* header = changed_header(page, offset, bytes);
    if (header == nullptr) return;
    const HeaderNote& note = header_note_of(page);
    if (note.call == call) __builtin_memcpy(header, note.words, sizeof note.words);
}

pbuf* ReceivePages::copy_frame(const void* frame, std::uint32_t bytes) {
    pbuf* p = pbuf_alloc(PBUF_RAW, static_cast<u16_t>(bytes), PBUF_RAM);
    if (p != nullptr) (void)pbuf_take(p, frame, static_cast<u16_t>(bytes));
    return p;
}

pbuf* ReceivePages::take_frame(std::uint64_t page, std::uint32_t offset, std::uint32_t bytes) {
    auto* frame = reinterpret_cast<std::byte*>(page + offset);
    const bool room_for_note = offset + bytes <= page_room;
    Buffer* buffer = bytes > small_frame && room_for_note ? buffers_.take() : nullptr;
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
    if (!returns_.empty()) return true;
    const auto page = sys::ica_reserve(1);
    return page && returns_.push(*page);
}

void ReceivePages::give_back(std::uint64_t page) {
    if (!returns_.push(page)) (void)sys::ica_release(page);
}

}  // namespace ant::inet_server
