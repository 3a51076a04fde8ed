// Dirty blocks: on record, written back in the order of the disk, flushed.
#include "cache.hpp"
#include "host.hpp"

#include <algorithm>

namespace ant::cache_server {

namespace {

// Stamps go round.
bool not_later(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) <= 0; }

}  // namespace

// Its contents have changed. The record comes before the answer to whoever changed them.
void Cache::make_dirty(Block& block) {
    Disk& disk = disks_[disk_of(block.key)];
    if (block.state == BlockState::dirty) return;
    if (block.state == BlockState::writing) {
        if (!block.again) block.stamp = disk.stamp;
        block.again = true;
        return;
    }
    if (block.state == BlockState::clean) table_.hold(block);
    state_.dirty.commit(table_.index_of(block), {block.key, block.page});
    make_fresh(disk, block);
}

void Cache::make_fresh(Disk& disk, Block& block) {
    block.state = BlockState::dirty;
    block.stamp = disk.stamp;
    if (disk.fresh.empty()) {
        disk.oldest_ns = host::now_ns();
        due_ns_ = std::min(due_ns_, disk.oldest_ns + age_ns);
    }
    disk.fresh.push_back(block);
    ++disk.dirty;
    ++dirty_;
    if (disk.fresh.size() >= table_.limit() / 4) {
        disk.wanted = true;
        attend_ = true;
    }
}

void Cache::want_write_back() {
    for (Disk& disk : std::span{disks_}.first(disk_count_)) disk.wanted = disk.wanted || !disk.fresh.empty();
}

void Cache::write_back(Disk& disk) {
    if (disk.record.gone != 0) return give_up_batch(disk);
    if (disk.batch.empty() && !disk.fresh.empty() && (disk.wanted || host::now_ns() - disk.oldest_ns >= age_ns))
        disk.begin_batch();
    while (!disk.batch.empty() && disk.writes < max_writes && calls_.left() > calls_for_reads / 2) write_next(disk);
    if (!disk.next_flush.empty() && disk.this_flush.empty()) flush_drive(disk);
}

// The first blocks of the batch, as far as they follow each other.
void Cache::write_next(Disk& disk) {
    DriverCall* call = new_call(DriverCallKind::write, disk_of(disk.batch.front()->key));
    do {
        Block& block = *disk.batch.pop_front();
        block.state = BlockState::writing;
        block.issued = block.stamp;
        add_block(*call, block);
        const Block* next = disk.batch.front();
        if (next == nullptr || next->key != block.key + 1 || block.alone || next->alone) break;
    } while (call->count < DriverCall::max_blocks);
    ++disk.writes;
    submit(*call);
}

// There is no such disk any more.
void Cache::give_up_batch(Disk& disk) {
    disk.begin_batch();
    while (Block* block = disk.batch.pop_front()) {
        block->issued = block->stamp;
        not_written(disk, *block, Error::no_server);
    }
    if (!disk.next_flush.empty() && disk.this_flush.empty()) {
        disk.this_flush.append(disk.next_flush);
        flush_done(disk, Error::no_server);
    }
}

void Cache::write_done(DriverCall& call, Error error) {
    Disk& disk = disks_[call.disk];
    --disk.writes;
    const std::span blocks{call.blocks, call.count};
    if (error == Error::none) {
        for (Block* block : blocks) written(disk, *block);
    } else if (error == Error::io_error && call.count > 1) {
        // One bad sector spoils a transfer: each block by itself, the first one first.
        for (unsigned n = call.count; n-- != 0;) {
            Block& block = *blocks[n];
            block.state = BlockState::dirty;
            block.stamp = block.issued;
            block.again = false;
            block.alone = true;
            disk.batch.push_front(block);
        }
    } else {
        for (Block* block : blocks) not_written(disk, *block, error);
    }
}

void Cache::written(Disk& disk, Block& block) {
    const bool again = block.again;
    for (Request *request = disk.writing.front(), *next; request != nullptr; request = next) {
        next = disk.writing.after(*request);
        const bool waited = not_later(block.issued, request->stamp) && !(again && not_later(block.stamp, request->stamp));
        if (!waited || --request->waiting != 0) continue;
        disk.writing.remove(*request);
        disk.next_flush.push_back(*request);
    }
    ++counts_.written_back;
    block.alone = block.again = false;
    --disk.dirty;
    --dirty_;
    if (again) {
        const std::uint32_t stamp = block.stamp;
        make_fresh(disk, block);
        block.stamp = stamp;
        disk.wanted = disk.wanted || !disk.writing.empty();
    } else {
        state_.dirty.erase(table_.index_of(block));
        table_.release(block);
    }
}

// It stays dirty; flushes that wait for it fail, and the next one tries again.
void Cache::not_written(Disk& disk, Block& block, Error error) {
    for (Request *request = disk.writing.front(), *next; request != nullptr; request = next) {
        next = disk.writing.after(*request);
        if (!not_later(block.issued, request->stamp)) continue;
        request->error = error;
        if (--request->waiting != 0) continue;
        disk.writing.remove(*request);
        disk.next_flush.push_back(*request);
    }
    ++counts_.write_errors;
    block.state = BlockState::dirty;
    block.stamp = block.issued;
    block.again = false;
    block.failed = true;
    ++failed_;
    disk.failed.push_back(block);
}

// All that is dirty now is to be written, then the drive's own cache.
void Cache::begin_flush(Request& request) {
    Disk& disk = disks_[request.disk];
    request.flushing = true;
    request.stamp = disk.stamp++;
    request.waiting = disk.dirty;
    while (Block* block = disk.failed.pop_front()) {
        block->failed = false;
        --failed_;
        disk.fresh.push_back(*block);
    }
    disk.wanted = !disk.fresh.empty();
    (request.waiting != 0 ? disk.writing : disk.next_flush).push_back(request);
    attend_ = true;
}

void Cache::flush_drive(Disk& disk) {
    const bool needed = (disk.record.flags & block::unit_flag::write_cache) != 0;
    DriverCall* call = needed ? new_call(DriverCallKind::flush, disk.next_flush.front()->disk) : nullptr;
    if (needed && call == nullptr) return;
    disk.this_flush.append(disk.next_flush);
    if (needed)
        submit(*call);
    else
        flush_done(disk, Error::none);
}

void Cache::flush_done(Disk& disk, Error error) {
    List<Request> flushed;
    flushed.append(disk.this_flush);
    while (Request* request = flushed.pop_front()) {
        if (request->error == Error::none) request->error = error;
        finish(*request);
    }
}

// What could not be written to a disk that is gone is forgotten when somebody asks for that.
void Cache::drop_gone(Disk& disk) {
    while (Block* block = disk.failed.pop_front()) {
        state_.dirty.erase(table_.index_of(*block));
        table_.discard(*block);
        --failed_;
        --disk.dirty;
        --dirty_;
    }
}

}  // namespace ant::cache_server
