#include "replacements.hpp"

#include <ant/process.hpp>

#include <algorithm>

namespace ant::guardian_server {

std::optional<unsigned> Replacements::record_of(Call call) const {
    return find_record(state_.operations, [&](const OperationRecord& record) { return record.call_id == call.id(); });
}

unsigned Replacements::programs_of(Call call, std::span<Name, guardian::max_replace> names) {
    const auto& request = call.params<guardian::Replace>();
    const unsigned count = std::min(request.count, guardian::max_replace);
    for (unsigned i = 0; i < count; ++i) {
        names[i] = Name{bounded(request.server[i].program)};
        if (!names[i].empty()) continue;
        if (const auto before = recovery_.program_of(Name{bounded(request.server[i].name)}.view())) names[i] = *before;
    }
    return count;
}

Outcome Replacements::begin(Call call, std::uint64_t read_ns) {
    if (const auto known = record_of(call)) {
        waiting_[*known] = call.control();
        answer_if_complete(*known);
        return Call::defer();
    }
    // A copy: the caller of a synchronous request still has the page mapped.
    const auto request = call.params<guardian::Replace>();
    if (request.count == 0 || request.count > guardian::max_replace) return Error::invalid_argument;
    if (request.count > 1 && request.as_paper != 0) return Error::not_supported;
    const auto index = take_record();
    if (!index) return Error::busy;
    Operation& operation = state_.journal()[*index];
    operation = {};
    operation.request = request;
    operation.replaced.count = request.count;
    operation.read_ns = read_ns;
    if (!prepare(operation)) return call.reply_with(operation.replaced);

    // From here on the next guardian would go on with it.
    const std::uint32_t transaction = request.as_paper != 0 ? 0 : ++state_.root.last_transaction;
    state_.save_root();
    state_.operations.commit(*index, {call.id(), clock_ns(), transaction, 0});
    waiting_[*index] = call.control();
    for (unsigned i = 0; i < request.count; ++i) ask(*index, i);
    answer_if_complete(*index);
    return Call::defer();
}

// What can be known beforehand. -> whether all of it can begin
bool Replacements::prepare(Operation& operation) {
    bool good = true;
    for (unsigned i = 0; i < operation.request.count; ++i) {
        const auto slot = bounded(operation.request.server[i].name);
        abi::ReplaceResult& result = operation.replaced.result[i];
        std::memcpy(result.name, Name{slot}.text, sizeof result.name);
        const auto before = recovery_.program_of(slot);
        if (before) operation.before[i] = *before;
        result.error = before ? startable(wanted_program(operation, i)) : before.error();
        good = good && result.error == Error::none;
    }
    for (unsigned i = 0; !good && i < operation.request.count; ++i)
        if (operation.replaced.result[i].error == Error::none) operation.replaced.result[i].error = Error::cancelled;
    return good;
}

Error Replacements::startable(std::string_view program_name) {
    Program* program = programs_.wanted(program_name);
    if (program == nullptr) return Error::not_found;
    const auto image = programs_.image(*program);
    return image ? Error::none : image.error();
}

std::string_view Replacements::wanted_program(const Operation& operation, unsigned index) {
    const auto program = bounded(operation.request.server[index].program);
    return program.empty() ? operation.before[index].view() : program;
}

// Has the core begin with a member. If it cannot, it lets the whole transaction fail.
void Replacements::ask(unsigned index, unsigned member) {
    OperationRecord record{};
    (void)state_.operations.load(index, record);
    Operation& operation = state_.journal()[index];
    const auto asked = request(operation, member, record.transaction);
    // Under way already: an earlier guardian has asked for it.
    if (asked || (waiting_[index] == 0 && asked.error() == Error::busy)) {
        operation.member[member] = Member::under_way;
        return;
    }
    operation.replaced.result[member].error = asked.error();
    operation.member[member] = Member::ended;
}

Result<> Replacements::request(const Operation& operation, unsigned member, std::uint32_t transaction) {
    const auto& wanted = operation.request.server[member];
    Program* program = programs_.wanted(wanted_program(operation, member));
    if (program == nullptr) return Failure(Error::not_found);
    if (program->manifest == nullptr) return Failure(Error::bad_image);
    abi::ReplaceRequest request{};
    std::memcpy(request.name, Name{bounded(wanted.name)}.text, sizeof request.name);
    std::memcpy(request.program, program->name.text, sizeof request.program);
    request.version = program->manifest->version;
    request.as_paper = operation.request.as_paper;
    request.timeout_us = operation.request.timeout_us != 0 ? operation.request.timeout_us : default_timeout_us;
    request.probation_us = recovery_.probation_us(operation.before[member].view(), program->name.view());
    request.transaction = transaction;
    request.members = transaction != 0 ? operation.request.count : 0;
    ANT_TRY(programs_.with_image(*program, [&](std::uint32_t image) {
        request.image = image;
        return sys::server_replace(request);
    }));
    return {};
}

void Replacements::collect() {
    abi::ReplaceResult result{};
    while (sys::replace_result(result)) take(result);
}

// A slot has at most one replacement under way, so its name says which one this is.
void Replacements::take(const abi::ReplaceResult& result) {
    const auto slot = bounded(result.name);
    for (unsigned i = 0; i < max_operations; ++i) {
        OperationRecord record{};
        if (state_.operations.load(i, record) != Records<OperationRecord>::Found::good) continue;
        Operation& operation = state_.journal()[i];
        for (unsigned m = 0; m < operation.request.count; ++m) {
            if (operation.member[m] != Member::under_way || bounded(operation.replaced.result[m].name) != slot) continue;
            ended(operation, m, result);
            return answer_if_complete(i);
        }
    }
    recovery_.ended(result);
}

void Replacements::ended(Operation& operation, unsigned member, const abi::ReplaceResult& result) {
    abi::ReplaceResult& kept = operation.replaced.result[member];
    kept = result;
    kept.total_ns += operation.read_ns;
    kept.phase_ns[static_cast<unsigned>(abi::Phase::load)] += operation.read_ns;
    operation.member[member] = Member::ended;
    const Program* program = programs_.wanted(wanted_program(operation, member));
    if (result.error != Error::none || program == nullptr) return;
    const auto before = operation.before[member].view();
    const auto after = program->name.view();
    recovery_.replaced(bounded(result.name), before, after, recovery_.probation_us(before, after));
}

bool Replacements::complete(const Operation& operation) {
    for (unsigned i = 0; i < operation.request.count; ++i)
        if (operation.member[i] != Member::ended) return false;
    return true;
}

void Replacements::answer_if_complete(unsigned index) {
    const Operation& operation = state_.journal()[index];
    if (waiting_[index] == 0 || !complete(operation)) return;
    const Call call{waiting_[index]};
    const Outcome outcome = call.reply_with(operation.replaced);
    (void)Server::answer(call.control(), outcome.error, outcome.value);
    waiting_[index] = 0;
    state_.operations.erase(index);
}

bool Replacements::under_way() const {
    return find_record(state_.operations, [](const OperationRecord&) { return true; }).has_value();
}

void Replacements::restore() {
    for (unsigned i = 0; i < max_operations; ++i) {
        OperationRecord record{};
        if (state_.operations.load(i, record) != Records<OperationRecord>::Found::good) continue;
        Operation& operation = state_.journal()[i];
        read_history(record, operation);
        for (unsigned m = 0; m < operation.request.count; ++m)
            if (operation.member[m] == Member::waiting) ask(i, m);
    }
}

// What the guardian before had asked for, and results that it had taken and not written down.
void Replacements::read_history(const OperationRecord& record, Operation& operation) {
    std::array<bool, guardian::max_replace> found{};
    listings_.search<abi::ReplaceResult>(abi::ListKind::history, [&](const abi::ReplaceResult& result) {
        if (result.transaction != record.transaction || result.start_ns < record.begun_ns) return false;
        for (unsigned m = 0; m < operation.request.count; ++m) {
            if (operation.member[m] == Member::ended || bounded(operation.replaced.result[m].name) != bounded(result.name))
                continue;
            operation.member[m] = Member::under_way;
            operation.replaced.result[m] = result;
            // Committed and not yet served: the result is still to come.
            found[m] = result.error != Error::none || result.blackout_ns != 0;
        }
        return false;
    });
    for (unsigned m = 0; m < operation.request.count; ++m)
        if (found[m]) ended(operation, m, abi::ReplaceResult{operation.replaced.result[m]});
}

// A record that nobody waits for is of a call that has been answered: delivered again it would have come before this one.
std::optional<unsigned> Replacements::take_record() {
    if (const auto free = free_record(state_.operations)) return free;
    for (unsigned i = 0; i < max_operations; ++i)
        if (waiting_[i] == 0 && complete(state_.journal()[i])) return i;
    return std::nullopt;
}

}  // namespace ant::guardian_server
