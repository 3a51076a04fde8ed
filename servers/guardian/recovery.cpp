#include "recovery.hpp"

#include <ant/client.hpp>
#include <ant/process.hpp>

#include <algorithm>

namespace ant::guardian_server {
namespace {

constexpr std::uint64_t busy_pause_ns = 10 * policy::millisecond;

bool on_purpose(const abi::FaultRecord& fault, const SlotRecord& record) {
    return fault.vector == abi::fault_vector::kill || fault.vector == abi::fault_vector::stopped || fault.pid == record.poked_pid;
}

// The core looks four times per deadline, and waits for four looks in a row.
std::uint64_t unnoticed_ns(const abi::FaultRecord& fault, std::uint32_t deadline_us) {
    return fault.vector == abi::fault_vector::hang ? std::uint64_t{deadline_us} * 2 * 1000 : 0;
}

}  // namespace

void Recovery::look() {
    look_ns_ = 0;
    const unsigned count = vacant_slots();
    if (count == 0) return;
    read_faults(count);
    const std::uint64_t now = clock_ns();
    for (unsigned i = 0; i < count; ++i) revive(vacant_[i], now);
}

std::uint64_t Recovery::pause_us() {
    if (look_ns_ == 0) return no_limit;
    const std::uint64_t now = clock_ns();
    if (now < look_ns_) return (look_ns_ - now) / 1000 + 1;
    look();
    return look_ns_ == 0 ? no_limit : abi::poll;
}

void Recovery::look_again(std::uint64_t time_ns) {
    if (look_ns_ == 0 || time_ns < look_ns_) look_ns_ = time_ns;
}

unsigned Recovery::vacant_slots() {
    unsigned count = 0;
    listings_.search<abi::ServerRecord>(abi::ListKind::servers, [&](const abi::ServerRecord& server) {
        if (server.vacant != 0)
            vacant_[count++] = {Name{bounded(server.name)}, Name{bounded(server.program)}, server.slot, server.deadline_us,
                                server.calls_served};
        return count == vacant_.size();
    });
    return count;
}

void Recovery::read_faults(unsigned vacant) {
    std::uint32_t newest = newest_;
    listings_.search_faults(newest_, [&](const abi::FaultRecord& fault) {
        newest = std::max(newest, fault.number);
        // A process that was to be the next one of its slot had none of its own: `ended` hears of it.
        if (fault.vacant == 0) return false;
        for (unsigned i = 0; i < vacant; ++i)
            if (vacant_[i].slot_id == fault.slot) take(fault, vacant_[i]);
        return false;
    });
    newest_ = newest;
}

void Recovery::take(const abi::FaultRecord& fault, const Vacant& vacant) {
    const unsigned index = record_of(vacant.slot.view(), vacant.slot_id);
    SlotRecord record{};
    (void)state_.slots.load(index, record);
    if (fault.number <= record.handled) return;
    record.handled = fault.number;
    record.program = programs_.number(bounded(fault.program));
    const bool wanted = on_purpose(fault, record);
    policy::failed(record, {fault.time_ns, unnoticed_ns(fault, vacant.deadline_us), vacant.served, wanted});
    if (!wanted && policy::on_probation(record, fault.time_ns)) roll_back(record);
    state_.slots.commit(index, record);
    reviving_[index] = false;
}

void Recovery::roll_back(SlotRecord& record) {
    const Program* failed = programs_.by_number(record.program);
    const Program* before = programs_.by_number(record.previous);
    if (failed == nullptr || before == nullptr) return;
    notices_.add("%s: %s failed on probation, back to %s", record.slot.text, failed->name.text, before->name.text);
    record.program = record.previous;
    record.previous = 0;
    record.streak = 0;
    record.retry_ns = 0;
}

// Gives the slot its next process, unless it has to wait, or cannot be helped.
void Recovery::revive(const Vacant& vacant, std::uint64_t now_ns) {
    const unsigned index = record_of(vacant.slot.view(), vacant.slot_id);
    if (reviving_[index]) return;
    SlotRecord record{};
    (void)state_.slots.load(index, record);
    if (record.program == 0) record.program = programs_.number(vacant.program.view());
    Program* program = programs_.by_number(record.program);
    if (program == nullptr || policy::hopeless(record)) return give_up(vacant, record);
    if (now_ns < record.retry_ns) return look_again(record.retry_ns);
    record.revived_ns = now_ns;
    record.served = vacant.served;
    const Error error = start(record, *program, now_ns);
    // Somebody else is replacing it just now, and may fail.
    if (error == Error::busy) return look_again(now_ns + busy_pause_ns);
    reviving_[index] = error == Error::none;
    if (error == Error::none && record.streak == policy::distrustful_failures)
        notices_.add("%s starts without its state after %u failures in a row", vacant.slot.text, record.streak);
    if (error != Error::none) {
        log("%s: %s", vacant.slot.text, error_text(error));
        policy::not_started(record, now_ns);
        look_again(std::max(record.retry_ns, now_ns + 1));
    }
    state_.slots.commit(index, record);
}

Error Recovery::start(const SlotRecord& record, Program& program, std::uint64_t now_ns) {
    if (program.manifest == nullptr) return Error::bad_image;
    abi::ReplaceRequest request{};
    std::memcpy(request.name, record.slot.text, sizeof request.name);
    std::memcpy(request.program, program.name.text, sizeof request.program);
    request.version = program.manifest->version;
    request.distrust = policy::distrusts_state(record) ? 1 : 0;
    // It stays on probation, and keeps to the older state format.
    if (policy::on_probation(record, now_ns))
        request.probation_us = static_cast<std::uint32_t>((record.probation_until_ns - now_ns) / 1000 + 1);
    const auto ticket = programs_.with_image(program, [&](std::uint32_t image) {
        request.image = image;
        return sys::server_replace(request);
    });
    return ticket ? Error::none : ticket.error();
}

void Recovery::ended(const abi::ReplaceResult& result) {
    const auto slot = bounded(result.name);
    const auto index = find_record(state_.slots, [&](const SlotRecord& record) { return record.slot.is(slot); });
    if (!index) return;
    reviving_[*index] = false;
    if (result.error == Error::none) return;
    SlotRecord record{};
    (void)state_.slots.load(*index, record);
    const std::uint64_t now = clock_ns();
    log("%s is not back: %s", record.slot.text, error_text(result.error));
    if (policy::on_probation(record, now))
        roll_back(record);
    else
        policy::not_started(record, now);
    state_.slots.commit(*index, record);
    look_again(std::max(record.retry_ns, now));
}

// Clients get errors from now on instead of silence.
void Recovery::give_up(const Vacant& vacant, const SlotRecord& record) {
    notices_.add("%s is given up after %u failures in a row", vacant.slot.text, record.streak);
    if (const auto ended = sys::slot_end(vacant.slot_id); !ended)
        log("%s does not end: %s", vacant.slot.text, error_text(ended.error()));
    if (const auto index = find_record(state_.slots, [&](const SlotRecord& r) { return r.slot_id == vacant.slot_id; }))
        state_.slots.erase(*index);
}

std::uint32_t Recovery::probation_us(std::string_view before, std::string_view program) const {
    if (before == program) return 0;
    return config_.rule_for(rule_name(before)).probation_us.value_or(policy::default_probation_us);
}

void Recovery::replaced(std::string_view slot, std::string_view before, std::string_view program, std::uint32_t probation_us) {
    const auto server = listings_.server(slot);
    if (!server) return;
    const unsigned index = record_of(slot, server->slot);
    SlotRecord record{};
    (void)state_.slots.load(index, record);
    const std::uint64_t now = clock_ns();
    // One that is on probation itself is nothing to go back to.
    if (!policy::on_probation(record, now)) record.previous = programs_.number(before);
    record.program = programs_.number(program);
    if (record.previous == record.program) record.previous = 0;
    record.probation_until_ns = now + std::uint64_t{probation_us} * 1000;
    record.streak = 0;
    record.revived_ns = now;
    record.served = server->calls_served;
    state_.slots.commit(index, record);
}

Result<Name> Recovery::program_of(std::string_view slot) {
    const auto server = listings_.server(slot);
    if (!server) return Failure(Error::not_found);
    if (server->vacant == 0) return Name{bounded(server->program)};
    SlotRecord record{};
    (void)state_.slots.load(record_of(slot, server->slot), record);
    const Program* program = programs_.by_number(record.program);
    return program != nullptr ? program->name : Name{bounded(server->program)};
}

void Recovery::poked(const abi::ServerRecord& server) {
    const unsigned index = record_of(bounded(server.name), server.slot);
    SlotRecord record{};
    (void)state_.slots.load(index, record);
    record.poked_pid = server.pid;
    state_.slots.commit(index, record);
}

unsigned Recovery::record_of(std::string_view slot, std::uint32_t slot_id) {
    if (const auto found = find_record(state_.slots, [&](const SlotRecord& r) { return r.slot_id == slot_id; })) return *found;
    const unsigned index = new_record();
    SlotRecord record{};
    record.slot = Name{slot};
    record.slot_id = slot_id;
    state_.slots.commit(index, record);
    reviving_[index] = false;
    return index;
}

// There are as many records as slots: one is free, or speaks of a slot that is no more.
unsigned Recovery::new_record() {
    if (const auto free = free_record(state_.slots)) return *free;
    std::array<bool, max_slots> alive{};
    listings_.search<abi::ServerRecord>(abi::ListKind::servers, [&](const abi::ServerRecord& server) {
        const auto index = find_record(state_.slots, [&](const SlotRecord& r) { return r.slot_id == server.slot; });
        if (index) alive[*index] = true;
        return false;
    });
    return static_cast<unsigned>(std::find(alive.begin(), alive.end(), false) - alive.begin()) % max_slots;
}

}  // namespace ant::guardian_server
