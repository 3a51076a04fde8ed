// A disk, and its blocks that wait to be written.
#pragma once

#include "list.hpp"
#include "request.hpp"
#include "state.hpp"

namespace ant::cache_server {

// Dirty blocks are `fresh` until a write-back begins: then all that are fresh become the batch, in the order of the disk,
// and leave it in transfers of up to 32. What becomes dirty meanwhile waits for the next batch, so that no block is put
// off for ever.
struct Disk {
    DiskRecord record{};
    List<Block> fresh, batch, failed;
    std::uint32_t dirty = 0;      // in these lists and being written
    std::uint32_t writes = 0;     // transfers under way
    std::uint32_t stamp = 0;      // flushes that were asked for
    bool wanted = false;          // all that is fresh: a batch as soon as this one has begun to be written
    std::uint64_t oldest_ns = 0;  // when the first fresh one became so

    // Flushes: those whose blocks are being written; those that wait for the drive to take a flush; those that it has.
    List<Request> writing, next_flush, this_flush;

    [[nodiscard]] std::uint64_t blocks() const { return (record.bytes + block_bytes - 1) / block_bytes; }
    // The last one may be shorter.
    [[nodiscard]] std::uint32_t bytes_of(std::uint64_t number) const {
        const std::uint64_t left = record.bytes - number * block_bytes;
        return left < block_bytes ? static_cast<std::uint32_t>(left) : block_bytes;
    }

    void begin_batch();
};

// By key, lowest first.
void sort(List<Block>& list);

}  // namespace ant::cache_server
