// Calls of disk drivers: sent, and what their results mean; and the disks that there are.
#include "cache.hpp"
#include "host.hpp"

#include <algorithm>
#include <cstring>

namespace ant::cache_server {

namespace {

// Not now, but soon: when something comes back, or after a while.
bool transient(Error error) {
    return error == Error::queue_full || error == Error::over_quota || error == Error::no_memory || error == Error::too_many ||
           error == Error::on_loan;
}

}  // namespace

void Cache::submit(DriverCall& call) {
    unsent_.push_back(call);
    attend_ = true;
}

Result<std::uint64_t> Cache::send(const DriverCall& call) {
    const std::uint32_t unit = call.transfer.unit;
    const bool write = call.kind == DriverCallKind::write;
    switch (call.kind) {
        case DriverCallKind::units:
            return host::units(call.driver);
        case DriverCallKind::flush:
            return host::flush(call.driver, unit);
        case DriverCallKind::direct:
            return host::transfer(call.driver, false, call.transfer, call.request->area);
        default:
            break;
    }
    if (call.count == 1) return host::transfer(call.driver, write, call.transfer, call.blocks[0]->page);
    abi::DataListEntry areas[DriverCall::max_blocks];
    const auto mode = static_cast<std::uint32_t>(write ? abi::DataMode::lend_read : abi::DataMode::lend_write);
    for (unsigned n = 0; n < call.count; ++n) areas[n] = {call.blocks[n]->page, 1, mode};
    return host::transfer_list(call.driver, write, call.transfer, std::span{areas}.first(call.count));
}

// In the order in which they were decided on.
void Cache::send_all() {
    refused_ = false;
    while (DriverCall* call = unsent_.front()) {
        const auto control = send(*call);
        if (!control && transient(control.error())) {
            refused_ = true;
            return;
        }
        unsent_.remove(*call);
        if (!control) {
            done(*call, control.error(), nullptr);
            continue;
        }
        call->control = *control;
        under_way_.add(*call);
    }
}

bool Cache::result(std::uint64_t control, Error error, const void* parameters) {
    attend_ = true;
    DriverCall* call = under_way_.take(control);
    if (call == nullptr) return false;
    if (error == Error::restarted)
        submit(*call);  // may be done twice
    else
        done(*call, error, parameters);
    return true;
}

void Cache::done(DriverCall& call, Error error, const void* parameters) {
    attend_ = true;
    switch (call.kind) {
        case DriverCallKind::read:
            read_done(call, error);
            break;
        case DriverCallKind::write:
            write_done(call, error);
            break;
        case DriverCallKind::direct:
            if (error != Error::none) {
                call.request->error = error;
                ++counts_.read_errors;
            }
            --call.request->waiting;
            finish(*call.request);
            break;
        case DriverCallKind::flush:
            flush_done(disks_[call.disk], error);
            break;
        case DriverCallKind::units:
            units_done(call, error, static_cast<const block::Units*>(parameters));
            break;
    }
    calls_.give(call);
}

std::uint64_t Cache::work() {
    while (attend_) {
        attend_ = false;
        answer_again();
        read_singly();
        resume(stalled_reads_);
        resume(stalled_writes_);
        for (Disk& disk : std::span{disks_}.first(disk_count_)) write_back(disk);
        send_all();
        due_ns_ = next_due();
    }
    if (due_ns_ == never) return 0;
    const std::uint64_t now = host::now_ns();
    if (now < due_ns_) return (due_ns_ - now) / 1000 + 1;
    attend_ = true;
    return work();
}

std::uint64_t Cache::next_due() const {
    const bool retry = refused_ || !unanswered_.empty();
    std::uint64_t due = retry ? host::now_ns() + retry_ns : never;
    for (const Disk& disk : std::span{disks_}.first(disk_count_))
        if (!disk.fresh.empty() && disk.batch.empty()) due = std::min(due, disk.oldest_ns + age_ns);
    return due;
}

// Disks -------------------------------------------------------------------------------------------------

std::optional<Answer> Cache::find_disks(std::uint64_t control) {
    Request* request = new_request(RequestKind::disks, control, 0);
    if (request == nullptr) return Answer{Error::queue_full};
    if (!run(*request)) stall(*request);
    return std::nullopt;
}

// One after the other, so that disks get their numbers in the order of the drivers.
void Cache::ask_next_driver(Request& request) {
    if (request.waiting != 0 || request.extent == drivers) return;
    DriverCall* call = new_call(DriverCallKind::units, 0);
    if (call == nullptr) return;
    call->driver = static_cast<std::uint8_t>(request.extent);
    call->request = &request;
    ++request.waiting;
    submit(*call);
}

void Cache::units_done(DriverCall& call, Error error, const block::Units* units) {
    Request& request = *call.request;
    if (error == Error::none && units != nullptr)
        for (unsigned n = 0; n < std::min(units->count, block::max_units); ++n) note_unit(call.driver, n, units->unit[n]);
    --request.waiting;
    ++request.extent;
    if (request.extent == drivers)
        finish(request);
    else if (!run(request))
        stall(request);
}

// A disk that is known keeps its number; one that has another in its place is gone.
void Cache::note_unit(unsigned driver, unsigned number, const block::Unit& unit) {
    DiskRecord wanted{.driver = driver,
                      .unit = number,
                      .flags = unit.flags,
                      .gone = 0,
                      .bytes = unit.sectors * block::sector_bytes,
                      .serial = {},
                      .model = {},
                      .reserved = 0};
    std::memcpy(wanted.serial, unit.serial, sizeof wanted.serial);
    std::memcpy(wanted.model, unit.model, sizeof wanted.model);
    wanted.model[sizeof wanted.model - 1] = '\0';
    unsigned place = disk_count_;
    for (unsigned n = 0; n < disk_count_; ++n) {
        const DiskRecord& known = disks_[n].record;
        if (known.driver != driver || known.unit != number) continue;
        const bool same = known.bytes == wanted.bytes && std::memcmp(known.serial, wanted.serial, sizeof known.serial) == 0;
        if (same) {
            place = n;
        } else if (known.gone == 0) {
            disks_[n].record.gone = 1;
            state_.disks.commit(n, disks_[n].record);
            table_.discard_clean(n);
        }
    }
    if (place == disks_.size()) return;  // no more than that
    if (place != disk_count_ && std::memcmp(&disks_[place].record, &wanted, sizeof wanted) == 0) return;
    disks_[place].record = wanted;
    state_.disks.commit(place, wanted);
    disk_count_ = std::max(disk_count_, place + 1);
}

}  // namespace ant::cache_server
