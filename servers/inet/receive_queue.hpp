// What has arrived for a socket and has not been fetched: a stream's bytes, or datagrams, each behind a head that says
// who sent it. Bytes have 64-bit positions; the low half of a stream's is the sequence number.
#pragma once

#include "receive_store.hpp"

#include <lwip/pbuf.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace ant::inet_server {

struct Datagram {
    std::uint32_t ip;
    std::uint16_t port, bytes;
};

class ReceiveQueue {
public:
    ReceiveQueue(ReceiveStore& store, std::uint32_t socket) : store_{store}, socket_{socket} {}
    ~ReceiveQueue() { clear(); }

    void start(std::uint64_t position) { read_ = end_ = position; }
    // Copies or keeps the bytes of `p`, which stays the caller's. False: no memory, and perhaps part of it is there.
    // Small segments are gathered in one page: a peer that sends single bytes must not cost a page for each.
    bool push_segment(pbuf* p);
    bool push_datagram(pbuf* p, std::uint32_t ip, std::uint16_t port);

    [[nodiscard]] bool empty() const { return read_ == end_; }
    [[nodiscard]] std::uint32_t bytes() const { return static_cast<std::uint32_t>(end_ - read_); }
    [[nodiscard]] std::uint64_t read() const { return read_; }  // position of the next byte to be fetched
    [[nodiscard]] std::uint64_t end() const { return end_; }

    // Copies from the beginning, `skip` bytes left out. -> bytes
    std::size_t copy(std::span<std::byte> to, std::size_t skip = 0);
    // Of the first datagram; not if empty.
    [[nodiscard]] Datagram head();
    // The bytes have been fetched; their pages stay until release(), which is for after the record has been written.
    void consume(std::size_t count) { read_ += count; }
    void consume_all() { read_ = end_; }
    void release();
    void clear();

    // After the process before: pieces in any order, then what is to be fetched. False: a byte of it is missing.
    void recover(Piece& piece);
    bool recovered(std::uint64_t read, std::uint64_t end);
    void recovered_datagrams(std::uint64_t read);

private:
    static constexpr std::uint32_t small_segment = 512;
    bool append(const void* data, std::size_t count);
    // What lies behind that position has never been. `away`: what becomes of its pages.
    void cut(std::uint64_t position, void (ReceiveStore::*away)(Piece&));

    ReceiveStore& store_;
    std::uint32_t socket_;
    List<Piece> pieces_;
    std::uint64_t read_ = 0, end_ = 0;
};

}  // namespace ant::inet_server
