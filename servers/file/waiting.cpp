// Locks, the calls that wait for them, and the ends of clients.
#include "requests.hpp"

#include <ant/abi/listing.hpp>

#include <algorithm>

namespace ant::file_server {

Outcome Requests::lock(Call call) {
    const file::Lock wanted = call.params<file::Lock>();
    const auto handle = handles_.find(wanted.handle, call.requester());
    if (!handle) return handle.error();
    const bool whole = (wanted.flags & file::lock_flag::whole) != 0;
    constexpr std::uint64_t for_ever = ~std::uint64_t{0};
    if (wanted.type > static_cast<std::uint32_t>(file::LockType::exclusive)) return Error::invalid_argument;
    if (!whole && wanted.bytes != 0 && wanted.start > for_ever - wanted.bytes) return Error::invalid_argument;
    LockRecord lock{whole ? handle->handle : 0,
                    call.requester(),
                    call.frame().requester_pid,
                    handle->volume,
                    handle->inode,
                    wanted.type,
                    whole ? 0 : wanted.start,
                    whole || wanted.bytes == 0 ? for_ever : wanted.start + wanted.bytes};
    const LockRecord* const other = lock.type != 0 ? locks_.in_the_way(lock) : nullptr;
    if ((wanted.flags & file::lock_flag::test) != 0) {
        file::Lock found = wanted;
        found.type = static_cast<std::uint32_t>(file::LockType::none);
        if (other != nullptr) {
            found.type = other->type;
            found.holder = other->pid;
            found.start = other->start;
            found.bytes = other->end == for_ever ? 0 : other->end - other->start;
        }
        return call.reply_with(found);
    }
    if (other == nullptr) {
        const auto set = locks_.set(lock);
        if (set) grant_locks();  // it may be less than before
        return set ? call.reply_with(wanted) : Outcome{set.error()};
    }
    if ((wanted.flags & file::lock_flag::wait) == 0) return Error::would_block;
    if (!whole && deadlock(call.requester(), lock)) return Error::busy;
    if (wait_count_ == waits_.size()) return Error::too_many;
    waits_[wait_count_++] = {call.control(), call.requester(), lock};
    return Call::defer();
}

// Whether somebody who has what is wanted waits, over others or not, for this slot.
bool Requests::deadlock(std::uint32_t slot, const LockRecord& wanted) const {
    LockRecord lock = wanted;
    for (unsigned steps = 0; steps <= wait_count_; ++steps) {
        const LockRecord* const other = locks_.in_the_way(lock);
        if (other == nullptr || other->handle != 0) return false;
        if (other->slot == slot) return true;
        const auto* const end = waits_.data() + wait_count_;
        const auto* const wait =
            std::find_if(waits_.data(), end, [&](const Wait& w) { return w.slot == other->slot && w.wanted.handle == 0; });
        if (wait == end) return false;
        lock = wait->wanted;
    }
    return true;
}

// Whoever has waited longest comes first.
void Requests::grant_locks() {
    for (unsigned i = 0; i < wait_count_;) {
        const Wait wait = waits_[i];
        if (locks_.in_the_way(wait.wanted) != nullptr) {
            ++i;
            continue;
        }
        std::copy(waits_.begin() + i + 1, waits_.begin() + wait_count_, waits_.begin() + i);
        --wait_count_;
        const auto set = locks_.set(wait.wanted);
        const auto answered = Server::answer(wait.control, set ? Error::none : set.error());
        if (set && !answered) {  // nobody waits any more
            LockRecord none = wait.wanted;
            none.type = 0;
            (void)locks_.set(none);
        }
        i = 0;
    }
}

void Requests::forget_waits(std::uint32_t slot) {
    for (unsigned i = 0; i < wait_count_;) {
        if (waits_[i].slot != slot) {
            ++i;
            continue;
        }
        (void)Server::answer(waits_[i].control, Error::cancelled);
        std::copy(waits_.begin() + i + 1, waits_.begin() + wait_count_, waits_.begin() + i);
        --wait_count_;
    }
}

void Requests::end_slot(std::uint32_t slot) {
    forget_waits(slot);
    for (;;) {
        std::uint32_t next = 0;
        handles_.each([&](const HandleRecord& handle) {
            if (handle.slot == slot) next = handle.handle;
        });
        if (next == 0) break;
        const auto handle = handles_.find(next, slot);
        (void)close_handle(*handle, tables_->last_done().call);
    }
    if (locks_.remove_if([&](const LockRecord& lock) { return lock.slot == slot; })) grant_locks();
}

// Slots without a process, but to be restarted, are in the list of servers.
void Requests::process_ended() {
    if (wait_count_ == 0 && handles_.empty()) return;
    constexpr std::size_t list_bytes = 8 * abi::page_size;
    auto area = Ica::reserve(list_bytes);
    if (!area) return;
    std::array<std::uint32_t, 1024> alive;
    std::size_t count = 0;
    const auto collect = [&]<class R>(abi::ListKind kind, const R*, auto&& counts) -> Result<> {
        for (std::size_t start = 0;;) {
            const sys::Listing got = ANT_TRY(sys::list(kind, area->address(), start));
            if (got.records == 0 || got.record_bytes < sizeof(R)) return {};
            for (std::size_t i = 0; i < got.records; ++i) {
                const auto& record = *reinterpret_cast<const R*>(area->address() + i * got.record_bytes);
                if (counts(record) && count < alive.size()) alive[count++] = record.slot;
            }
            if (got.records < list_bytes / got.record_bytes) return {};
            start += got.records;
        }
    };
    const auto processes =
        collect(abi::ListKind::processes, static_cast<const abi::ProcessRecord*>(nullptr),
                [](const abi::ProcessRecord& p) { return p.state != static_cast<std::uint32_t>(abi::ProcessState::ending); });
    const auto servers = collect(abi::ListKind::servers, static_cast<const abi::ServerRecord*>(nullptr),
                                 [](const abi::ServerRecord& s) { return s.vacant != 0; });
    if (!processes || !servers || count == alive.size()) return;
    for (;;) {
        std::uint32_t gone = 0;
        const auto look = [&](std::uint32_t slot) {
            if (std::find(alive.begin(), alive.begin() + count, slot) == alive.begin() + count) gone = slot;
        };
        handles_.each([&](const HandleRecord& handle) { look(handle.slot); });
        for (unsigned i = 0; i < wait_count_; ++i) look(waits_[i].slot);
        if (gone == 0) return;
        end_slot(gone);
    }
}

}  // namespace ant::file_server
