#include "receive_queue.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace ant::inet_server {

bool ReceiveQueue::push_segment(pbuf* p) {
    for (; p != nullptr; p = p->next) {
        if (p->len == 0) continue;
        const std::uint64_t page = p->len > small_segment ? ReceivePages::take_page(p) : 0;
        if (page == 0) {
            if (!append(p->payload, p->len)) return false;
            continue;
        }
        const auto offset = static_cast<std::uint32_t>(reinterpret_cast<std::uint64_t>(p->payload) - page);
        Piece* piece = store_.keep(socket_, page, end_, offset, p->len);
        if (piece == nullptr) return false;
        pieces_.push_back(piece);
        end_ += p->len;
    }
    return true;
}

bool ReceiveQueue::push_datagram(pbuf* p, std::uint32_t ip, std::uint16_t port) {
    const Datagram head{ip, port, p->tot_len};
    const std::uint64_t before = end_;
    bool all = append(&head, sizeof head);
    for (; p != nullptr && all; p = p->next) all = append(p->payload, p->len);
    if (!all) cut(before, &ReceiveStore::give);
    return all;
}

void ReceiveQueue::cut(std::uint64_t position, void (ReceiveStore::*away)(Piece&)) {
    while (!pieces_.empty() && pieces_.back()->position >= position) {
        Piece* piece = pieces_.back();
        List<Piece>::remove(piece);
        (store_.*away)(*piece);
    }
    if (!pieces_.empty() && pieces_.back()->end() > position) ReceiveStore::shrink(*pieces_.back(), position);
    end_ = position;
}

bool ReceiveQueue::append(const void* data, std::size_t count) {
    const auto* from = static_cast<const std::byte*>(data);
    while (count != 0) {
        Piece* last = pieces_.back();
        if (last == nullptr || last->room() == 0) {
            last = store_.open(socket_, end_);
            if (last == nullptr) return false;
            pieces_.push_back(last);
        }
        const auto part = static_cast<std::uint32_t>(std::min<std::size_t>(count, last->room()));
        __builtin_memcpy(reinterpret_cast<std::byte*>(last->page) + last->offset + last->bytes, from, part);
        ReceiveStore::grow(*last, part);
        end_ += part;
        from += part;
        count -= part;
    }
    return true;
}

std::size_t ReceiveQueue::copy(std::span<std::byte> to, std::size_t skip) {
    std::uint64_t position = read_ + skip;
    std::size_t done = 0;
    for (Piece* piece = pieces_.front(); piece != nullptr && done < to.size(); piece = pieces_.after(piece)) {
        if (piece->end() <= position) continue;
        const auto count = std::min<std::size_t>(to.size() - done, piece->end() - position);
        __builtin_memcpy(to.data() + done, piece->at(position), count);
        done += count;
        position += count;
    }
    return done;
}

Datagram ReceiveQueue::head() {
    std::array<std::byte, sizeof(Datagram)> bytes{};
    copy(bytes);
    return std::bit_cast<Datagram>(bytes);
}

void ReceiveQueue::release() {
    while (!pieces_.empty() && pieces_.front()->end() <= read_) {
        if (pieces_.front() == pieces_.back() && pieces_.front()->room() != 0) return;  // more will be gathered in it
        store_.give(*pieces_.pop_front());
    }
}

void ReceiveQueue::clear() {
    while (Piece* piece = pieces_.pop_front()) store_.give(*piece);
    read_ = end_;
}

void ReceiveQueue::recover(Piece& piece) {
    Piece* later = nullptr;
    for (Piece* p = pieces_.back(); p != nullptr && p->position > piece.position; p = pieces_.before(p)) later = p;
    pieces_.insert_before(&piece, later);
}

// A page may hold more than what was acknowledged: the peer sends that again.
bool ReceiveQueue::recovered(std::uint64_t read, std::uint64_t end) {
    read_ = end_ = read;
    while (!pieces_.empty() && pieces_.front()->end() <= read) store_.forget(*pieces_.pop_front());
    for (Piece* piece = pieces_.front(); piece != nullptr && piece->position <= end_; piece = pieces_.after(piece))
        end_ = std::max(end_, piece->end());
    const bool complete = end_ >= end;
    cut(complete ? end : end_, &ReceiveStore::forget);
    return complete;
}

// The last datagram may have been cut off.
void ReceiveQueue::recovered_datagrams(std::uint64_t read) {
    (void)recovered(read, ~std::uint64_t{0});
    std::uint64_t whole = read;
    while (whole + sizeof(Datagram) <= end_) {
        std::array<std::byte, sizeof(Datagram)> bytes{};
        copy(bytes, whole - read);
        const std::uint64_t next = whole + sizeof(Datagram) + std::bit_cast<Datagram>(bytes).bytes;
        if (next > end_) break;
        whole = next;
    }
    cut(whole, &ReceiveStore::forget);
}

}  // namespace ant::inet_server
