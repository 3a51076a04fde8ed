#include "starts.hpp"

#include <ant/interface/guardian.hpp>

namespace ant::guardian_server {
namespace {

// Bytes that `count` strings take at the front of the caller's arguments.
Result<std::size_t> argument_bytes(const guardian::Start& request) {
    std::size_t bytes = 0;
    for (unsigned i = 0; i < request.argc; ++i) {
        const std::size_t room = sizeof request.arguments - bytes;
        const std::size_t length = strnlen(request.arguments + bytes, room);
        if (length == room) return Failure(Error::invalid_argument);
        bytes += length + 1;
    }
    return bytes;
}

}  // namespace

std::optional<unsigned> Starts::record_of(Call call) const {
    if (!call.redelivered()) return std::nullopt;
    return find_record(state_.starts, [&](const StartRecord& record) { return record.call_id == call.id(); });
}

bool Starts::is_made(Call call) const {
    const auto known = record_of(call);
    StartRecord record{};
    if (!known || state_.starts.load(*known, record) != Records<StartRecord>::Found::good) return false;
    return record.pid != 0 || find_process(record);
}

Outcome Starts::begin(Call call) {
    if (const auto known = record_of(call)) return resume(*known, call);
    const auto& request = call.params<guardian::Start>();
    const auto slot = launcher_.slot_for({Name{bounded(request.program)}.view(), Name{bounded(request.as)}.view(), {}});
    if (!slot) return slot.error();
    if (request.as[0] != '\0' && listings_.server(slot->view())) return Error::exists;
    const auto index = take_record();
    if (!index) return Error::too_many;
    const StartRecord record{call.id(), *slot, 0, 0, listings_.newest_fault(), request.wait};
    state_.starts.commit(*index, record);
    return create(*index, record, call);
}

Outcome Starts::resume(unsigned index, Call call) {
    StartRecord record{};
    (void)state_.starts.load(index, record);
    if (record.pid == 0 && !find_process(record)) return create(index, record, call);
    return created(index, record, call);
}

// Only user 0 may start programs for others.
std::optional<std::uint32_t> Starts::user_of(const guardian::Start& request, Call call) const {
    if (call.user_id() == 0) return request.user != 0 ? std::optional{request.user} : std::nullopt;
    return launcher_.user_of(Name{bounded(request.program)}.view()).value_or(call.user_id());
}

// The guardian before may have made the process and not come so far as to write it down.
bool Starts::find_process(StartRecord& record) const {
    if (const auto server = listings_.server(record.slot.view())) {
        record.pid = server->pid;
        record.slot_id = server->slot;
        return true;
    }
    return listings_.search_faults(record.faults, [&](const abi::FaultRecord& fault) {
        if (bounded(fault.name) != record.slot.view()) return false;
        record.pid = fault.pid;
        record.slot_id = fault.slot;
        return true;
    });
}

Outcome Starts::create(unsigned index, StartRecord record, Call call) {
    // A copy: the caller of a synchronous request still has the page mapped.
    const auto request = call.params<guardian::Start>();
    const auto bytes = argument_bytes(request);
    const auto launched = bytes ? launcher_.start({Name{bounded(request.program)}.view(),
                                                   record.slot.view(),
                                                   {request.arguments, *bytes},
                                                   request.argc,
                                                   user_of(request, call)})
                                : Result<Launched>{Failure(bytes.error())};
    if (!launched) {
        state_.starts.erase(index);
        return launched.error();
    }
    record.pid = launched->process.pid;
    record.slot_id = launched->process.slot;
    return created(index, record, call);
}

Outcome Starts::created(unsigned index, const StartRecord& record, Call call) {
    state_.starts.commit(index, record);
    if (record.wait == 0) return answer(call, record, {});
    seen_faults_[index] = record.faults;
    const End end = end_of(index, record);
    if (end.has_ended) return answer(call, record, end);
    waiting_[index] = call.control();
    return Call::defer();
}

Outcome Starts::answer(Call call, const StartRecord& record, const End& end) {
    guardian::Started started{record.pid, record.slot_id, end.status, end.fault, {}};
    std::memcpy(started.name, record.slot.text, sizeof started.name);
    return call.reply_with(started, end.status);
}

Starts::End Starts::end_of(unsigned index, const StartRecord& record) {
    End end{};
    std::uint32_t& seen = seen_faults_[index];
    const std::uint32_t before = seen;
    listings_.search_faults(before, [&](const abi::FaultRecord& fault) {
        seen = fault.number;
        if (fault.pid == record.pid) end = {true, fault.vector != abi::fault_vector::exit, fault.exit_status};
        return end.has_ended;
    });
    // Its record may have been overwritten, but only by so many younger ones.
    if (end.has_ended || seen - before <= abi::max_fault_records) return end;
    const bool alive = listings_.search<abi::ProcessRecord>(
        abi::ListKind::processes, [&](const abi::ProcessRecord& process) { return process.pid == record.pid; });
    return alive ? End{} : End{true, true, panic_status};
}

void Starts::processes_ended() {
    for (unsigned i = 0; i < max_starts; ++i) {
        if (waiting_[i] == 0) continue;
        StartRecord record{};
        if (state_.starts.load(i, record) != Records<StartRecord>::Found::good) continue;
        const End end = end_of(i, record);
        if (!end.has_ended) continue;
        const Outcome outcome = answer(Call{waiting_[i]}, record, end);
        // The caller may be gone meanwhile: then nobody is left to be told.
        (void)Server::answer(waiting_[i], outcome.error, outcome.value);
        waiting_[i] = 0;
        state_.starts.erase(i);
    }
}

// A record that nobody waits for is of a call that has been answered: delivered again it would have come before this one.
std::optional<unsigned> Starts::take_record() const {
    if (const auto free = free_record(state_.starts)) return free;
    for (unsigned i = 0; i < max_starts; ++i)
        if (waiting_[i] == 0) return i;
    return std::nullopt;
}

}  // namespace ant::guardian_server
