// Requests: checked, carried out piece by piece, answered.
#include "cache.hpp"
#include "host.hpp"

#include <algorithm>
#include <cstring>

namespace ant::cache_server {

namespace {

constexpr bool whole_sectors(std::uint64_t n) { return n % block::sector_bytes == 0; }

}  // namespace

void Cache::start(const State& state, std::span<Block> blocks, std::span<Block*> buckets) {
    state_ = state;
    table_.start(blocks, buckets);
    state_.disks.each([this](unsigned number, const DiskRecord& record) {
        disks_[number].record = record;
        disk_count_ = std::max(disk_count_, number + 1);
    });
    state_.dirty.each([this](unsigned index, const DirtyRecord& record) {
        Block& block = table_.restore(index, record.key, record.page);
        block.used = true;
        make_fresh(disks_[disk_of(record.key)], block);
        ++counts_.recovered;
    });
    for (Block& block : blocks)
        if (block.state == BlockState::clean) table_.adopt(block);
}

Error Cache::check(const Incoming& call, bool write) const {
    const cache::Access& access = *call.access;
    const bool fits = access.count <= cache::max_extents && std::uint64_t{access.offset} + access.bytes <= call.area_bytes;
    if (!fits || (!write && !call.writable)) return Error::invalid_argument;
    if (access.disk >= disk_count_) return Error::not_found;
    if (disks_[access.disk].record.gone != 0) return Error::no_server;
    const DiskRecord& disk = disks_[access.disk].record;
    std::uint64_t bytes = 0;
    for (const cache::Extent& e : std::span{access.extent, access.count}) {
        bytes += e.bytes;
        if (e.bytes > access.bytes || bytes > access.bytes) return Error::invalid_argument;
        if (e.position == cache::hole) {
            if (write) return Error::invalid_argument;
        } else if (e.bytes > disk.bytes || e.position > disk.bytes - e.bytes) {
            return Error::invalid_argument;
        }
    }
    if (bytes != access.bytes) return Error::invalid_argument;
    return write && (disk.flags & block::unit_flag::read_only) != 0 ? Error::read_only : Error::none;
}

std::optional<Answer> Cache::transfer(RequestKind kind, const Incoming& call) {
    const bool write = kind == RequestKind::write;
    const std::uint64_t area = call.owned ? call.area : 0;
    const Error wrong = check(call, write);
    if (wrong != Error::none && !call.again) return Answer{wrong, 0, area};
    const std::uint32_t direct =
        wrong == Error::none && !write && worth_keeping(*call.access) ? direct_again_bytes : direct_bytes;
    if (wrong == Error::none && forward(call, write, direct)) return std::nullopt;
    Request* request = new_request(kind, call.control, call.access->disk);
    if (request == nullptr) return Answer{Error::queue_full, 0, area};
    request->access = call.access;
    request->area = call.area;
    request->owned = call.owned;
    request->error = wrong;
    request->direct_from = direct;
    const bool ran = run(*request);
    if (!ran) stall(*request);
    if (!write && !request->direct) read_ahead(*request);
    const bool through = write && request->has(cache::access_flag::through);
    // What an earlier process has asked of a driver may still go on: then the area cannot go back yet.
    if (!ran || call.again || request->waiting != 0 || (through && request->error == Error::none)) {
        finish(*request);
        return std::nullopt;
    }
    const Answer answer{request->error, request->error == Error::none ? request->done : 0, area};
    requests_.give(*request);
    return answer;
}

std::optional<Answer> Cache::flush(RequestKind kind, std::uint64_t control, const cache::DiskId& id) {
    if (id.disk >= disk_count_) return Answer{Error::not_found};
    if (kind == RequestKind::flush && disks_[id.disk].record.gone != 0 && disks_[id.disk].dirty == 0)
        return Answer{Error::no_server};
    Request* request = new_request(kind, control, id.disk);
    if (request == nullptr) return Answer{Error::queue_full};
    begin_flush(*request);
    return std::nullopt;
}

Request* Cache::new_request(RequestKind kind, std::uint64_t control, unsigned disk) {
    Request* request = requests_.take();
    if (request == nullptr) return nullptr;
    *request = {};
    request->control = control;
    request->kind = kind;
    request->disk = static_cast<std::uint8_t>(disk);
    return request;
}

// A read of much goes past the cache, which so keeps what it has; what is asked for once more is kept.
bool Cache::worth_keeping(const cache::Access& access) {
    if (access.bytes < direct_bytes || access.bytes >= direct_again_bytes) return false;
    return (access.flags & cache::access_flag::once) == 0 &&
           seen_.again(key_of(access.disk, access.extent[0].position / block_bytes));
}

// Straight between the disk and the caller's area, and the answer from the driver: whole sectors, one extent, at least so much of
// it, and nothing of it here but what may be forgotten.
bool Cache::forward(const Incoming& call, bool write, std::uint32_t least) {
    const cache::Access& access = *call.access;
    if (access.count != 1 || !call.owned) [[unlikely]]
        return false;
    const cache::Extent& e = access.extent[0];
    const bool through = write && (access.flags & cache::access_flag::through) != 0;
    if ((e.bytes < least && !through) || e.bytes > block::max_transfer_bytes || e.position == cache::hole) return false;
    if (e.bytes == 0 || !whole_sectors(e.position) || !whole_sectors(e.bytes) || !whole_sectors(access.offset)) return false;
    if (!past_the_cache(access.disk, e.position, e.bytes, write)) return false;
    const DiskRecord& disk = disks_[access.disk].record;
    const block::Transfer transfer{disk.unit, through ? block::transfer_flag::through : 0, e.position / block::sector_bytes,
                                   access.offset, access.bytes};
    // The driver does what touches the same sectors in the order in which it comes: what is asked for later, here, and read
    // by it, is what is written now.
    const bool direct = (access.flags & cache::access_flag::sequential) == 0;
    if (!host::forward(call.control, disk.driver, write, transfer, call.area, direct)) return false;
    counts_.direct += transfer.bytes / block_bytes;  // the call's own page is the driver's now
    return true;
}

// Nothing of this range is here. Clean blocks in the way of a write are forgotten.
bool Cache::past_the_cache(unsigned disk, std::uint64_t position, std::uint64_t bytes, bool write) {
    const Key first = key_of(disk, position / block_bytes), last = key_of(disk, (position + bytes - 1) / block_bytes);
    for (Key key = first; key <= last; ++key)
        if (const Block* b = table_.find(key); b != nullptr && (!write || b->busy())) return false;
    for (Key key = first; write && key <= last; ++key) {
        Block* b = table_.find(key);
        if (b == nullptr) continue;
        table_.hold(*b);
        table_.discard(*b);
    }
    return true;
}

// False: something is short.
bool Cache::run(Request& request) {
    if (request.kind == RequestKind::disks) {
        ask_next_driver(request);
        return request.waiting != 0 || request.extent == drivers;
    }
    const cache::Access& access = *request.access;
    while (!request.complete()) {
        const cache::Extent& e = access.extent[request.extent];
        const std::uint64_t left = e.bytes - request.in_extent;
        if (left == 0) {
            ++request.extent;
            request.in_extent = 0;
            continue;
        }
        const std::uint64_t bytes = e.position == cache::hole ? left : step(request, e.position + request.in_extent, left);
        if (bytes == 0) return false;
        if (e.position == cache::hole) std::memset(request.bytes(request.at()), 0, bytes);
        request.in_extent += bytes;
        request.done += static_cast<std::uint32_t>(bytes);
    }
    return true;
}

// -> bytes that were taken care of; 0: something is short
std::uint64_t Cache::step(Request& request, std::uint64_t position, std::uint64_t left) {
    return request.kind == RequestKind::write ? store(request, position, left) : fetch(request, position, left);
}

std::uint32_t Cache::fetch(Request& request, std::uint64_t position, std::uint64_t left) {
    const std::uint32_t inside = position % block_bytes;
    const auto bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, block_bytes - inside));
    Block* block = table_.find(key_of(request.disk, position / block_bytes));
    if (block == nullptr) return miss(request, position, left);
    if (block->ahead) {
        block->ahead = false;
        ++counts_.ahead_used;
    }
    table_.touch(*block);
    if (!block->readable()) {
        ++counts_.joined;
        return await(*block, request, inside, bytes) ? bytes : 0;
    }
    ++counts_.hits;
    std::memcpy(request.bytes(request.at()), block->data() + inside, bytes);
    return bytes;
}

std::uint32_t Cache::store(Request& request, std::uint64_t position, std::uint64_t left) {
    const std::uint64_t number = position / block_bytes;
    const std::uint32_t inside = position % block_bytes;
    const auto bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, block_bytes - inside));
    Block* block = table_.find(key_of(request.disk, number));
    const bool counted = block != nullptr && (block->state > BlockState::clean || block->promised);
    if (!counted && !room_for_dirty()) return 0;
    if (block == nullptr) {
        if (inside != 0 || bytes != disks_[request.disk].bytes_of(number)) return read_blocks(request, position, bytes, 1);
        block = table_.take(key_of(request.disk, number), BlockState::reading);
        if (block == nullptr) return 0;
    } else {
        table_.touch(*block);
        if (!block->readable()) return await(*block, request, inside, bytes) ? bytes : 0;
    }
    std::memcpy(block->data() + inside, request.bytes(request.at()), bytes);
    make_dirty(*block);
    return bytes;
}

void Cache::stall(Request& request) {
    request.stalled = true;
    (request.kind == RequestKind::write ? stalled_writes_ : stalled_reads_).push_back(request);
    attend_ = true;
}

// Those that came first go on first.
void Cache::resume(List<Request>& stalled) {
    while (Request* request = stalled.front()) {
        const bool ran = run(*request);
        if (!ran && !hopeless()) {
            want_write_back();
            return;
        }
        if (!ran) request->error = failed_ != 0 ? Error::io_error : Error::no_memory;
        stalled.remove(*request);
        request->stalled = false;
        finish(*request);
    }
}

// Nothing will become free by itself.
bool Cache::hopeless() const { return under_way_.count() == 0 && unsent_.empty() && singles_.empty() && dirty_ == failed_; }

void Cache::finish(Request& request) {
    if (request.stalled || request.waiting != 0 || !request.complete()) return;
    const bool through = request.kind == RequestKind::write && request.has(cache::access_flag::through);
    if (through && !request.flushing && request.error == Error::none) return begin_flush(request);
    if (request.kind == RequestKind::forget) {
        table_.discard_clean(request.disk);
        seen_.forget();
        if (disks_[request.disk].record.gone != 0) drop_gone(disks_[request.disk]);
    }
    answer(request);
}

void Cache::answer(Request& request) {
    Error refused = Error::none;
    if (request.kind == RequestKind::disks) {
        refused = host::answer_disks(request.control);
    } else {
        const std::int64_t value = request.transfers() && request.error == Error::none ? request.done : 0;
        refused = host::answer(request.control, request.error, value, request.owned ? request.area : 0);
    }
    if (refused == Error::on_loan)
        unanswered_.push_back(request);
    else
        requests_.give(request);
}

void Cache::answer_again() {
    List<Request> again;
    again.append(unanswered_);
    while (Request* request = again.pop_front()) answer(*request);
}

cache::Disks Cache::disks() const {
    cache::Disks all{};
    all.count = disk_count_;
    for (unsigned n = 0; n < disk_count_; ++n) {
        const DiskRecord& record = disks_[n].record;
        cache::Disk& disk = all.disk[n];
        std::memcpy(disk.driver, "disk", sizeof "disk");
        if (record.driver != 0) {
            disk.driver[4] = '.';
            disk.driver[5] = static_cast<char>('0' + record.driver);
        }
        std::memcpy(disk.model, record.model, sizeof disk.model);
        disk.unit = record.unit;
        disk.flags = record.flags;
        disk.bytes = record.gone != 0 ? 0 : record.bytes;
    }
    return all;
}

cache::Statistics Cache::statistics() const {
    cache::Statistics s = counts_;
    s.blocks = table_.live();
    s.limit = table_.limit();
    s.dirty = dirty_;
    return s;
}

}  // namespace ant::cache_server
