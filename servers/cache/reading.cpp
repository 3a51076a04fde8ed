// Misses: into blocks, or straight into the area of the request; and reading ahead.
#include "cache.hpp"
#include "host.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ant::cache_server {

// The piece is copied when the block has been read.
bool Cache::await(Block& block, Request& request, std::uint32_t inside, std::uint32_t bytes) {
    Piece* piece = pieces_.take();
    if (piece == nullptr) return false;
    piece->following = nullptr;
    piece->request = &request;
    piece->at = request.at();
    piece->inside = static_cast<std::uint16_t>(inside);
    piece->bytes = static_cast<std::uint16_t>(bytes);
    Piece** last = &block.pieces;
    while (*last != nullptr) last = &(*last)->following;
    *last = piece;
    ++request.waiting;
    if (request.kind == RequestKind::write && !block.promised) {
        block.promised = true;
        ++promised_;
    }
    return true;
}

std::uint32_t Cache::miss(Request& request, std::uint64_t position, std::uint64_t left) {
    const std::uint64_t first = position / block_bytes;
    const std::uint64_t end = (position + left + block_bytes - 1) / block_bytes;
    const std::uint64_t most = block::max_transfer_bytes / block_bytes;
    // How far nothing is here.
    std::uint64_t next = first + 1;
    while (next < end && next - first < most && table_.find(key_of(request.disk, next)) == nullptr) ++next;
    const bool aligned = (position | request.at()) % block::sector_bytes == 0;
    const std::uint64_t bytes = std::min(left, next * block_bytes - position) / block::sector_bytes * block::sector_bytes;
    if (request.owned && aligned && bytes >= request.direct_from) return read_directly(request, position, bytes);
    return read_blocks(request, position, left, static_cast<std::uint32_t>(next - first));
}

std::uint32_t Cache::read_directly(Request& request, std::uint64_t position, std::uint64_t bytes) {
    DriverCall* call = new_call(DriverCallKind::direct, request.disk);
    if (call == nullptr) return 0;
    call->request = &request;
    call->transfer.sector = position / block::sector_bytes;
    call->transfer.offset = request.at();
    call->transfer.bytes = static_cast<std::uint32_t>(bytes);
    request.direct = true;
    ++request.waiting;
    counts_.direct += bytes / block_bytes;
    submit(*call);
    return call->transfer.bytes;
}

// At most that many blocks from `position` on, none of which is here.
std::uint32_t Cache::read_blocks(Request& request, std::uint64_t position, std::uint64_t left, std::uint32_t most) {
    DriverCall* call = new_call(DriverCallKind::read, request.disk);
    if (call == nullptr) return 0;
    most = std::min(most, DriverCall::max_blocks);
    const std::uint32_t begin = request.done;
    std::uint64_t number = position / block_bytes;
    std::uint32_t inside = position % block_bytes;
    for (; call->count < most && left != 0 && pieces_.left() != 0; ++number, inside = 0) {
        Block* block = table_.take(key_of(request.disk, number), BlockState::reading);
        if (block == nullptr) break;
        const auto bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, block_bytes - inside));
        block->once = request.has(cache::access_flag::once);
        block->used = true;
        add_block(*call, *block);
        (void)await(*block, request, inside, bytes);
        request.done += bytes;  // where the next piece lies; run() counts all of them
        left -= bytes;
        ++counts_.misses;
    }
    const std::uint32_t bytes = request.done - begin;
    request.done = begin;
    if (call->count == 0)
        calls_.give(*call);
    else
        submit(*call);
    return bytes;
}

void Cache::read_ahead(const Request& request) {
    const cache::Access& access = *request.access;
    const cache::Extent* first = nullptr;
    const cache::Extent* last = nullptr;
    for (const cache::Extent& e : std::span{access.extent, access.count}) {
        if (e.position == cache::hole || e.bytes == 0) continue;
        if (first == nullptr) first = &e;
        last = &e;
    }
    if (first == nullptr) return;
    const std::uint64_t end = (last->position + last->bytes + block_bytes - 1) / block_bytes;
    const ReadAhead::Range range =
        streams_.note(request.disk, first->position / block_bytes, end, request.has(cache::access_flag::read_ahead));
    if (range.count != 0)
        read_ahead(request.disk, range.first, std::min(range.first + range.count, disks_[request.disk].blocks()));
}

// Nobody waits for these: as far as there is room.
void Cache::read_ahead(unsigned disk, std::uint64_t first, std::uint64_t end) {
    if (table_.limit() < 8 * ReadAhead::last_window) return;
    DriverCall* call = nullptr;
    for (std::uint64_t number = first; number < end; ++number) {
        const Key key = key_of(disk, number);
        Block* block = nullptr;
        if (table_.find(key) == nullptr && calls_.left() > calls_for_reads) block = table_.take(key, BlockState::reading);
        if (block != nullptr) {
            if (call == nullptr) call = new_call(DriverCallKind::read, disk);
            block->ahead = true;
            add_block(*call, *block);
            ++counts_.ahead;
        }
        const bool send = call != nullptr && (block == nullptr || call->count == DriverCall::max_blocks || number + 1 == end);
        if (send) submit(*std::exchange(call, nullptr));
    }
}

DriverCall* Cache::new_call(DriverCallKind kind, unsigned disk) {
    DriverCall* call = calls_.take();
    if (call == nullptr) return nullptr;
    const DiskRecord& record = disks_[disk].record;
    call->kind = kind;
    call->driver = static_cast<std::uint8_t>(record.driver);
    call->disk = static_cast<std::uint8_t>(disk);
    call->count = 0;
    call->control = 0;
    call->request = nullptr;
    call->transfer = {record.unit, 0, 0, 0, 0};
    return call;
}

void Cache::add_block(DriverCall& call, Block& block) {
    const std::uint64_t number = number_of(block.key);
    if (call.count == 0) call.transfer.sector = number * (block_bytes / block::sector_bytes);
    call.transfer.bytes += disks_[call.disk].bytes_of(number);
    call.blocks[call.count++] = &block;
}

void Cache::read_done(DriverCall& call, Error error) {
    // One bad sector spoils a transfer: who waits for other blocks shall not suffer.
    const bool try_again = error == Error::io_error && call.count > 1;
    if (error != Error::none && !try_again) ++counts_.read_errors;
    for (Block* block : std::span{call.blocks, call.count}) {
        if (error == Error::none)
            arrived(*block);
        else if (try_again && block->pieces != nullptr)
            singles_.push_back(*block);
        else
            not_read(*block, error);
    }
}

void Cache::read_singly() {
    while (!singles_.empty()) {
        DriverCall* call = new_call(DriverCallKind::read, disk_of(singles_.front()->key));
        if (call == nullptr) return;
        add_block(*call, *singles_.pop_front());
        submit(*call);
    }
}

// It has its contents: those who wait get their pieces, or put them there, in the order in which they came.
void Cache::arrived(Block& block) {
    Piece* piece = std::exchange(block.pieces, nullptr);
    if (block.promised) --promised_;
    block.promised = false;
    table_.release(block);
    while (piece != nullptr) {
        Request& request = *piece->request;
        std::byte* inside = block.data() + piece->inside;
        if (request.kind == RequestKind::write) {
            std::memcpy(inside, request.bytes(piece->at), piece->bytes);
            make_dirty(block);
        } else {
            std::memcpy(request.bytes(piece->at), inside, piece->bytes);
        }
        --request.waiting;
        finish(request);
        pieces_.give(*std::exchange(piece, piece->following));
    }
}

void Cache::not_read(Block& block, Error error) {
    Piece* piece = std::exchange(block.pieces, nullptr);
    if (block.promised) --promised_;
    table_.discard(block);
    while (piece != nullptr) {
        Request& request = *piece->request;
        request.error = error;
        --request.waiting;
        finish(request);
        pieces_.give(*std::exchange(piece, piece->following));
    }
}

}  // namespace ant::cache_server
