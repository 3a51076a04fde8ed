// Journal: one volume's log, in ext4's own format. Knows nothing of the file system in the volume.
//
// At most two transactions in it count: when one is committed, what the one before the last wrote to its places is on
// the medium already, because the flush of the last commit came after it. So the log never fills, and its start
// moves with every commit.
#pragma once

#include "disk.hpp"
#include "journal_format.hpp"

#include <ant/ica.hpp>

#include <array>

namespace ant::file_server {

class Journal {
public:
    struct Run {  // of the journal's blocks on the disk
        std::uint32_t first;
        std::uint32_t count;
        std::uint64_t position;
    };
    struct Position {
        std::uint32_t sequence, start;  // start 0: nothing
    };
    struct Block {
        std::uint64_t number;  // home
        Memory memory;
    };
    // What a commit needs to know, to be kept by the caller.
    struct State {
        std::uint32_t sequence;  // of the next transaction
        std::uint32_t head;      // where it will begin
        Position last;           // the last one; its home writes may not be on the medium
    };

    Result<> open(Disk& disk, std::span<const Run> runs, std::uint32_t block_bytes);
    [[nodiscard]] bool is_open() const { return disk_ != nullptr; }
    [[nodiscard]] bool empty() const { return superblock().start == 0; }

    // Writes what committed transactions wrote to its places: write(block number, contents) -> Result<>.
    template <class F>
    Result<> replay(F&& write);
    // After replay and a flush: marks the journal empty and sets the features for `commit`.
    Result<State> begin(bool checksums, bool bits64);
    // The caller writes the blocks to their places after this. `revoked`: blocks that the last transaction has and
    // nobody uses any more.
    Result<> commit(State& state, std::span<const Block> blocks, std::span<const std::uint64_t> revoked, std::int64_t now_ns);
    // Nothing in it counts any more: all home writes are on the medium.
    Result<> clear(State& state);
    // Blocks of the transaction that begins at `position`: f(block number).
    template <class F>
    Result<> each_block(Position position, F&& f);

    // The longest transaction that is taken.
    [[nodiscard]] std::uint32_t max_blocks() const { return (length() - 1) / 2; }

private:
    class Reader;
    struct TagView {
        std::uint64_t block;
        std::uint32_t flags, checksum;
    };

    [[nodiscard]] jbd2::Superblock& superblock() const { return *reinterpret_cast<jbd2::Superblock*>(area_.address()); }
    [[nodiscard]] Memory page(unsigned n) const { return {area_.address(), std::uint64_t{n} * block_bytes_}; }
    [[nodiscard]] bool has(std::uint32_t feature) const { return (superblock().incompat & feature) != 0; }
    [[nodiscard]] bool checksums() const { return has(jbd2::incompat::csum_v2 | jbd2::incompat::csum_v3); }
    [[nodiscard]] std::uint32_t tail_bytes() const { return checksums() ? 4 : 0; }
    [[nodiscard]] std::uint32_t tag_bytes() const;
    [[nodiscard]] std::uint32_t first() const { return superblock().first; }
    [[nodiscard]] std::uint32_t end() const;
    [[nodiscard]] std::uint32_t length() const { return end() - first(); }
    [[nodiscard]] std::uint32_t after(std::uint32_t block, std::uint32_t count = 1) const {
        return first() + (block - first() + count) % length();
    }
    [[nodiscard]] Result<Extent> place(std::uint32_t block, std::uint32_t count) const;
    Result<> read(std::uint32_t block, Memory to);
    // As many as lie behind each other on the disk and in memory, with wrap-around.
    Result<> write(std::uint32_t& block, Memory from, std::uint32_t count, bool through = false);
    Result<> write_superblock();
    Result<> check_superblock() const;

    [[nodiscard]] bool is(const void* block, jbd2::BlockType type, std::uint32_t sequence) const;
    [[nodiscard]] bool tail_good(const void* block) const;
    void set_tail(void* block) const;
    [[nodiscard]] bool commit_good(const void* block) const;
    [[nodiscard]] std::uint32_t block_checksum(const void* block, std::uint32_t sequence) const;
    [[nodiscard]] bool block_good(const void* block, std::uint32_t sequence, const TagView& tag) const;
    template <class F>
    Result<> each_tag(const void* descriptor, F&& f) const;
    template <class F>
    Result<> each_revoked(const void* block, F&& f) const;
    // Walks the transactions from `position` on: visit(sequence, block) for each descriptor and revoke block.
    // -> the first sequence without a commit. `only_one`: stops behind the first transaction.
    template <class F>
    Result<std::uint32_t> walk(Position position, std::uint32_t stop, F&& visit);

    Result<> write_descriptors(State& state, std::uint32_t& at, std::span<const Block> blocks);
    std::uint32_t fill_descriptor(std::uint32_t sequence, std::span<const Block> blocks);
    Result<> write_blocks(std::uint32_t& at, std::span<const Block> blocks);
    Result<> write_revoked(std::uint32_t sequence, std::uint32_t& at, std::span<const std::uint64_t> revoked);
    Result<> clear_place(std::uint32_t at);
    Result<> write_commit(std::uint32_t sequence, std::uint32_t& at, std::int64_t now_ns);

    Disk* disk_ = nullptr;
    Ica area_;  // the superblock; a block to work on; one of data
    std::uint32_t block_bytes_ = 0, seed_ = 0;
    unsigned run_count_ = 0;
    std::array<Run, 64> runs_{};
};

// Blocks that must not be replayed from transactions up to a sequence.
class RevokeTable {
public:
    ~RevokeTable();
    Result<> add(std::uint64_t block, std::uint32_t sequence);
    [[nodiscard]] bool revoked(std::uint64_t block, std::uint32_t sequence) const;

private:
    struct Entry {
        std::uint64_t block;
        std::uint32_t sequence;  // wraps
        std::uint32_t used;
    };
    Result<> grow();
    [[nodiscard]] std::size_t place(std::uint64_t block) const;
    Entry* entries_ = nullptr;
    std::size_t capacity_ = 0, count_ = 0;
};

template <class F>
Result<> Journal::each_tag(const void* descriptor, F&& f) const {
    const auto* bytes = static_cast<const std::byte*>(descriptor);
    std::uint32_t offset = sizeof(jbd2::Header);
    for (;;) {
        if (offset + tag_bytes() > block_bytes_ - tail_bytes()) return Failure(Error::io_error);
        TagView tag{};
        if (has(jbd2::incompat::csum_v3)) {
            const auto& t = *reinterpret_cast<const jbd2::Tag3*>(bytes + offset);
            tag = {t.block | std::uint64_t{t.block_high} << 32, t.flags, t.checksum};
        } else {
            const auto& t = *reinterpret_cast<const jbd2::Tag*>(bytes + offset);
            tag = {t.block, t.flags, t.checksum};
            if (has(jbd2::incompat::bits64)) tag.block |= std::uint64_t{t.block_high} << 32;
        }
        offset += tag_bytes();
        if ((tag.flags & jbd2::tag_flag::same_uuid) == 0) offset += sizeof superblock().uuid;
        ANT_TRY(f(tag));
        if ((tag.flags & jbd2::tag_flag::last) != 0) return {};
    }
}

template <class F>
Result<> Journal::each_revoked(const void* block, F&& f) const {
    const auto* bytes = static_cast<const std::byte*>(block);
    const std::uint32_t end = reinterpret_cast<const jbd2::Revoke*>(bytes)->bytes;
    const std::uint32_t step = has(jbd2::incompat::bits64) ? 8 : 4;
    if (end > block_bytes_ - tail_bytes()) return Failure(Error::io_error);
    for (std::uint32_t offset = sizeof(jbd2::Revoke); offset + step <= end; offset += step) {
        const std::uint64_t number = step == 8 ? std::uint64_t{*reinterpret_cast<const jbd2::Be64*>(bytes + offset)}
                                               : std::uint64_t{*reinterpret_cast<const jbd2::Be32*>(bytes + offset)};
        ANT_TRY(f(number));
    }
    return {};
}

template <class F>
Result<std::uint32_t> Journal::walk(Position position, std::uint32_t stop, F&& visit) {
    std::uint32_t at = position.start, sequence = position.sequence;
    if (at < first() || at >= end()) return Failure(Error::io_error);
    for (std::uint32_t steps = 0; sequence != stop && steps < length(); ++steps) {
        ANT_TRY(read(at, page(1)));
        const void* const block = page(1).data();
        at = after(at);
        if (is(block, jbd2::descriptor, sequence)) {
            if (!tail_good(block)) break;
            std::uint32_t count = 0;
            const auto counted = each_tag(block, [&](const TagView&) -> Result<> {
                ++count;
                return {};
            });
            if (!counted) break;
            ANT_TRY(visit(sequence, block, at));
            at = after(at, count);
            steps += count;
        } else if (is(block, jbd2::revoke, sequence)) {
            if (!tail_good(block)) break;
            ANT_TRY(visit(sequence, block, at));
        } else if (is(block, jbd2::commit, sequence)) {
            if (!commit_good(block)) break;
            ++sequence;
        } else {
            break;
        }
    }
    return sequence;
}

template <class F>
Result<> Journal::replay(F&& write) {
    if (empty()) return {};
    const Position from{superblock().sequence, superblock().start};
    const auto nothing = [](std::uint32_t, const void*, std::uint32_t) -> Result<> { return {}; };
    const std::uint32_t end = ANT_TRY(walk(from, from.sequence - 1, nothing));
    RevokeTable revokes;
    ANT_TRY(walk(from, end, [&](std::uint32_t sequence, const void* block, std::uint32_t) -> Result<> {
        if (!is(block, jbd2::revoke, sequence)) return {};
        return each_revoked(block, [&](std::uint64_t number) { return revokes.add(number, sequence); });
    }));
    ANT_TRY(walk(from, end, [&](std::uint32_t sequence, const void* block, std::uint32_t at) -> Result<> {
        if (!is(block, jbd2::descriptor, sequence)) return {};
        return each_tag(block, [&](const TagView& tag) -> Result<> {
            const std::uint32_t place = at;
            at = after(at);
            if (revokes.revoked(tag.block, sequence)) return {};
            const Memory data = page(2);
            ANT_TRY(read(place, data));
            if (!block_good(data.data(), sequence, tag)) return Failure(Error::io_error);
            if ((tag.flags & jbd2::tag_flag::escaped) != 0) *reinterpret_cast<jbd2::Be32*>(data.data()) = jbd2::magic;
            return write(tag.block, data);
        });
    }));
    superblock().sequence = end;
    return {};
}

template <class F>
Result<> Journal::each_block(Position position, F&& f) {
    if (position.start == 0) return {};
    ANT_TRY(walk(position, position.sequence + 1, [&](std::uint32_t sequence, const void* block, std::uint32_t) -> Result<> {
        if (!is(block, jbd2::descriptor, sequence)) return {};
        return each_tag(block, [&](const TagView& tag) -> Result<> {
            f(tag.block);
            return {};
        });
    }));
    return {};
}

}  // namespace ant::file_server
