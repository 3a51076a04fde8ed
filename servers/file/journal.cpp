#include "journal.hpp"

#include "crc32c.hpp"

#include <ant/process.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace ant::file_server {

using namespace jbd2;

namespace {

constexpr std::uint32_t all_ones = 0xffff'ffff;
constexpr std::uint32_t superblock_bytes = 1024;

// Of a block with its own checksum in it: over all of it, the sum taken as 0.
std::uint32_t sum_without(std::uint32_t seed, const void* block, std::uint32_t bytes, std::uint32_t at) {
    constexpr std::uint32_t zero = 0;
    const auto* p = static_cast<const std::byte*>(block);
    std::uint32_t sum = crc32c(seed, p, at);
    sum = crc32c(sum, &zero, sizeof zero);
    return crc32c(sum, p + at + sizeof zero, bytes - at - sizeof zero);
}

}  // namespace

Result<> Journal::open(Disk& disk, std::span<const Run> runs, std::uint32_t block_bytes) {
    if (runs.empty() || runs.size() > runs_.size()) return Failure(Error::not_supported);
    disk_ = nullptr;
    block_bytes_ = block_bytes;
    run_count_ = static_cast<unsigned>(runs.size());
    std::copy(runs.begin(), runs.end(), runs_.begin());
    area_ = ANT_TRY(Ica::reserve(std::size_t{block_bytes} * 3));
    ANT_TRY(disk.read(page(0), ANT_TRY(place(0, 1))));
    ANT_TRY(check_superblock());
    disk_ = &disk;
    seed_ = crc32c(all_ones, superblock().uuid, sizeof superblock().uuid);
    return {};
}

Result<> Journal::check_superblock() const {
    constexpr std::uint32_t known =
        incompat::revoke | incompat::bits64 | incompat::async_commit | incompat::csum_v2 | incompat::csum_v3;
    const Superblock& s = superblock();
    if (s.header.magic != magic || s.header.type != superblock_v2) return Failure(Error::not_supported);
    // A fast commit area that was never used, or that belongs to an empty journal, holds nothing.
    if ((s.incompat & ~(known | (s.start == 0 ? incompat::fast_commit : 0))) != 0 || s.ro_compat != 0)
        return Failure(Error::not_supported);
    if (has(incompat::csum_v2) && has(incompat::csum_v3)) return Failure(Error::not_supported);
    const Run& last = runs_[run_count_ - 1];
    constexpr std::uint32_t least = 64;
    if (s.block_bytes != block_bytes_ || s.length > last.first + last.count || s.first == 0 || s.first >= s.length ||
        s.fast_commit_blocks >= s.length || end() < s.first + least || s.start >= end())
        return Failure(Error::io_error);
    if (checksums() && sum_without(all_ones, &s, superblock_bytes, offsetof(Superblock, checksum)) != s.checksum)
        return Failure(Error::io_error);
    return {};
}

std::uint32_t Journal::end() const {
    const Superblock& s = superblock();
    return s.length - (has(incompat::fast_commit) ? std::uint32_t{s.fast_commit_blocks} : 0);
}

std::uint32_t Journal::tag_bytes() const {
    if (has(incompat::csum_v3)) return sizeof(Tag3);
    return sizeof(Tag) + (has(incompat::csum_v2) ? 2 : 0) - (has(incompat::bits64) ? 0 : 4);
}

Result<Extent> Journal::place(std::uint32_t block, std::uint32_t count) const {
    for (const Run& run : std::span{runs_}.first(run_count_)) {
        if (block < run.first || block - run.first >= run.count) continue;
        const std::uint32_t within = block - run.first;
        return Extent{run.position + std::uint64_t{within} * block_bytes_,
                      std::uint64_t{std::min(count, run.count - within)} * block_bytes_};
    }
    return Failure(Error::io_error);
}

Result<> Journal::read(std::uint32_t block, Memory to) { return disk_->read(to, ANT_TRY(place(block, 1))); }

Result<> Journal::write(std::uint32_t& block, Memory from, std::uint32_t count, bool through) {
    while (count != 0) {
        const Extent extent = ANT_TRY(place(block, std::min(count, end() - block)));
        ANT_TRY(disk_->write(from, extent, through));
        const auto done = static_cast<std::uint32_t>(extent.bytes / block_bytes_);
        from = from + extent.bytes;
        count -= done;
        block = after(block, done);
    }
    return {};
}

Result<> Journal::write_superblock() {
    Superblock& s = superblock();
    if (checksums()) s.checksum = sum_without(all_ones, &s, superblock_bytes, offsetof(Superblock, checksum));
    return disk_->write(page(0), ANT_TRY(place(0, 1)));
}

bool Journal::is(const void* block, BlockType type, std::uint32_t sequence) const {
    const auto& header = *static_cast<const Header*>(block);
    return header.magic == magic && header.type == type && header.sequence == sequence;
}

bool Journal::tail_good(const void* block) const {
    if (!checksums()) return true;
    const std::uint32_t at = block_bytes_ - 4;
    return *reinterpret_cast<const Be32*>(static_cast<const std::byte*>(block) + at) ==
           sum_without(seed_, block, block_bytes_, at);
}

void Journal::set_tail(void* block) const {
    if (!checksums()) return;
    const std::uint32_t at = block_bytes_ - 4;
    *reinterpret_cast<Be32*>(static_cast<std::byte*>(block) + at) = sum_without(seed_, block, block_bytes_, at);
}

bool Journal::commit_good(const void* block) const {
    if (!checksums()) return true;
    const auto& commit = *static_cast<const Commit*>(block);
    return commit.checksum[0] == sum_without(seed_, block, block_bytes_, offsetof(Commit, checksum));
}

std::uint32_t Journal::block_checksum(const void* block, std::uint32_t sequence) const {
    const Be32 number = sequence;
    return crc32c(crc32c(seed_, &number, sizeof number), block, block_bytes_);
}

bool Journal::block_good(const void* block, std::uint32_t sequence, const TagView& tag) const {
    if (!checksums()) return true;
    const std::uint32_t sum = block_checksum(block, sequence);
    return has(incompat::csum_v3) ? sum == tag.checksum : (sum & 0xffff) == tag.checksum;
}

Result<Journal::State> Journal::begin(bool with_checksums, bool bits64) {
    Superblock& s = superblock();
    s.start = 0;
    s.compat = s.compat & ~compat_checksum;
    s.incompat = incompat::revoke | (s.incompat & incompat::fast_commit) | (with_checksums ? incompat::csum_v3 : 0) |
                 (bits64 ? incompat::bits64 : 0);
    s.checksum_type = with_checksums ? crc32c_type : 0;
    // A transaction that was cut off by the end of power may lie in the log: its number is not used again.
    s.sequence = s.sequence + 1;
    if (s.sequence == 0) s.sequence = 1;
    ANT_TRY(write_superblock());
    // Before anything is written over what it called live.
    ANT_TRY(disk_->flush());
    return State{s.sequence, first(), {}};
}

Result<> Journal::commit(State& state, std::span<const Block> blocks, std::span<const std::uint64_t> revoked,
                         std::int64_t now_ns) {
    const std::uint32_t per_revoke = (block_bytes_ - sizeof(Revoke) - tail_bytes()) / 8;
    const auto needed = static_cast<std::uint32_t>(blocks.size() + blocks.size() / 8 + revoked.size() / per_revoke + 4);
    if (needed > length() - 1) return Failure(Error::no_space);
    // What the superblock on the medium still calls live: it is written now, but flushed only with the rest.
    const std::uint32_t live = empty() ? 0 : (state.head - superblock().start + length()) % length();
    if (live + needed > length() - 1) ANT_TRY(clear(state));
    const Position oldest = state.last.start != 0 ? state.last : Position{state.sequence, state.head};
    superblock().sequence = oldest.sequence;
    superblock().start = oldest.start;
    ANT_TRY(write_superblock());
    std::uint32_t at = state.head;
    ANT_TRY(write_revoked(state.sequence, at, revoked));
    ANT_TRY(write_descriptors(state, at, blocks));
    ANT_TRY(clear_place(at));
    // File data, the home writes of the transaction before, and all of this one but its commit block.
    ANT_TRY(disk_->flush());
    ANT_TRY(write_commit(state.sequence, at, now_ns));
    state = {state.sequence + 1, at, {state.sequence, state.head}};
    return {};
}

Result<> Journal::clear(State& state) {
    ANT_TRY(disk_->flush());
    state.last = {};
    superblock().sequence = state.sequence;
    superblock().start = 0;
    ANT_TRY(write_superblock());
    return disk_->flush();
}

Result<> Journal::write_revoked(std::uint32_t sequence, std::uint32_t& at, std::span<const std::uint64_t> revoked) {
    const std::uint32_t step = has(incompat::bits64) ? 8 : 4;
    const std::size_t most = (block_bytes_ - sizeof(Revoke) - tail_bytes()) / step;
    while (!revoked.empty()) {
        const auto part = revoked.first(std::min(most, revoked.size()));
        revoked = revoked.subspan(part.size());
        std::byte* const block = page(1).data();
        std::memset(block, 0, block_bytes_);
        *reinterpret_cast<Revoke*>(block) = {{magic, jbd2::revoke, sequence},
                                             static_cast<std::uint32_t>(sizeof(Revoke) + part.size() * step)};
        std::byte* to = block + sizeof(Revoke);
        for (const std::uint64_t number : part) {
            if (step == 8)
                *reinterpret_cast<Be64*>(to) = number;
            else
                *reinterpret_cast<Be32*>(to) = static_cast<std::uint32_t>(number);
            to += step;
        }
        set_tail(block);
        ANT_TRY(write(at, page(1), 1));
    }
    return {};
}

Result<> Journal::write_descriptors(State& state, std::uint32_t& at, std::span<const Block> blocks) {
    while (!blocks.empty()) {
        const std::uint32_t count = fill_descriptor(state.sequence, blocks);
        ANT_TRY(write(at, page(1), 1));
        ANT_TRY(write_blocks(at, blocks.first(count)));
        blocks = blocks.subspan(count);
    }
    return {};
}

// -> how many of the blocks it describes
std::uint32_t Journal::fill_descriptor(std::uint32_t sequence, std::span<const Block> blocks) {
    std::byte* const block = page(1).data();
    std::memset(block, 0, block_bytes_);
    *reinterpret_cast<Header*>(block) = {magic, jbd2::descriptor, sequence};
    std::uint32_t offset = sizeof(Header), count = 0;
    const auto size = [&](std::uint32_t n) { return tag_bytes() + (n == 0 ? sizeof superblock().uuid : 0); };
    const auto fits = [&](std::uint32_t n) { return offset + size(n) <= block_bytes_ - tail_bytes(); };
    for (; count < blocks.size() && fits(count); ++count) {
        const Block& from = blocks[count];
        const bool escaped = *reinterpret_cast<const Be32*>(from.memory.data()) == magic;
        const void* data = from.memory.data();
        if (escaped) {
            std::memcpy(page(2).data(), data, block_bytes_);
            std::memset(page(2).data(), 0, sizeof(Be32));
            data = page(2).data();
        }
        const bool last = count + 1 == blocks.size() || offset + size(count) + tag_bytes() > block_bytes_ - tail_bytes();
        const std::uint32_t flags =
            (escaped ? tag_flag::escaped : 0) | (count != 0 ? tag_flag::same_uuid : 0) | (last ? tag_flag::last : 0);
        const auto low = static_cast<std::uint32_t>(from.number), high = static_cast<std::uint32_t>(from.number >> 32);
        if (has(incompat::csum_v3)) {
            *reinterpret_cast<Tag3*>(block + offset) = {low, flags, high, block_checksum(data, sequence)};
        } else {
            auto& tag = *reinterpret_cast<Tag*>(block + offset);
            tag.block = low;
            tag.checksum = 0;
            tag.flags = static_cast<std::uint16_t>(flags);
            if (has(incompat::bits64)) tag.block_high = high;
        }
        offset += tag_bytes();
        if (count == 0) {
            std::memcpy(block + offset, superblock().uuid, sizeof superblock().uuid);
            offset += sizeof superblock().uuid;
        }
    }
    set_tail(block);
    return count;
}

Result<> Journal::write_blocks(std::uint32_t& at, std::span<const Block> blocks) {
    for (std::size_t i = 0; i < blocks.size();) {
        const Block& block = blocks[i];
        if (*reinterpret_cast<const Be32*>(block.memory.data()) == magic) {
            std::memcpy(page(2).data(), block.memory.data(), block_bytes_);
            std::memset(page(2).data(), 0, sizeof(Be32));
            ANT_TRY(write(at, page(2), 1));
            ++i;
            continue;
        }
        std::size_t count = 1;  // that lie behind each other in memory
        while (i + count < blocks.size() && blocks[i + count].memory.area == block.memory.area &&
               blocks[i + count].memory.offset == block.memory.offset + count * block_bytes_ &&
               *reinterpret_cast<const Be32*>(blocks[i + count].memory.data()) != magic)
            ++count;
        ANT_TRY(write(at, block.memory, static_cast<std::uint32_t>(count)));
        i += count;
    }
    return {};
}

// All of a commit block but its first sector is zeros, so with zeros there before it is written whole or not at all, even if the
// power fails meanwhile. One that is torn is not a missing one to e2fsck but a damaged journal.
Result<> Journal::clear_place(std::uint32_t at) {
    std::memset(page(1).data(), 0, block_bytes_);
    return write(at, page(1), 1);
}

Result<> Journal::write_commit(std::uint32_t sequence, std::uint32_t& at, std::int64_t now_ns) {
    constexpr std::int64_t ns_per_s = 1'000'000'000;
    std::byte* const block = page(1).data();
    std::memset(block, 0, block_bytes_);
    auto& commit = *reinterpret_cast<Commit*>(block);
    commit.header = {magic, jbd2::commit, sequence};
    commit.seconds = static_cast<std::uint64_t>(now_ns / ns_per_s);
    commit.nanoseconds = static_cast<std::uint32_t>(now_ns % ns_per_s);
    if (checksums()) commit.checksum[0] = sum_without(seed_, block, block_bytes_, offsetof(Commit, checksum));
    return write(at, page(1), 1, true);
}

RevokeTable::~RevokeTable() { std::free(entries_); }

std::size_t RevokeTable::place(std::uint64_t block) const {
    std::size_t i = static_cast<std::size_t>(block * 0x9e37'79b9'7f4a'7c15 >> 20) & (capacity_ - 1);
    while (entries_[i].used != 0 && entries_[i].block != block) i = (i + 1) & (capacity_ - 1);
    return i;
}

Result<> RevokeTable::grow() {
    const std::size_t old = capacity_;
    Entry* const entries = entries_;
    const std::size_t capacity = old == 0 ? 256 : old * 2;
    auto* const fresh = static_cast<Entry*>(std::calloc(capacity, sizeof(Entry)));
    if (fresh == nullptr) return Failure(Error::no_memory);
    entries_ = fresh;
    capacity_ = capacity;
    for (std::size_t i = 0; i < old; ++i)
        if (entries[i].used != 0) entries_[place(entries[i].block)] = entries[i];
    std::free(entries);
    return {};
}

Result<> RevokeTable::add(std::uint64_t block, std::uint32_t sequence) {
    if (count_ * 2 >= capacity_) ANT_TRY(grow());
    Entry& entry = entries_[place(block)];
    if (entry.used == 0) {
        ++count_;
        entry = {block, sequence, 1};
    } else if (static_cast<std::int32_t>(sequence - entry.sequence) > 0) {
        entry.sequence = sequence;
    }
    return {};
}

bool RevokeTable::revoked(std::uint64_t block, std::uint32_t sequence) const {
    if (capacity_ == 0) return false;
    const Entry& entry = entries_[place(block)];
    return entry.used != 0 && static_cast<std::int32_t>(entry.sequence - sequence) >= 0;
}

}  // namespace ant::file_server
