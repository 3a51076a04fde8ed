#include "replacements.hpp"

#include <ant/process.hpp>
#include <ant/server.hpp>

namespace ant::guardian_server {

Error Replacements::begin(std::uint64_t control, const guardian::Replace& request) {
    if (request.count == 0 || request.count > guardian::max_replace) return Error::invalid_argument;
    for (Operation& operation : operations_) {
        if (operation.control != 0) continue;
        operation.control = control;
        // A copy: the caller of a synchronous request still has the page mapped.
        operation.request = request;
        if (operation.request.count > guardian::max_replace) operation.request.count = guardian::max_replace;
        operation.replaced = {};
        operation.replaced.count = operation.request.count;
        operation.index = 0;
        operation.undoing = false;
        if (check(operation))
            advance(operation);
        else
            finish(operation);
        return Error::none;
    }
    return Error::busy;
}

Result<Name> Replacements::program_of(std::string_view slot) const {
    Name program;
    const bool found = listings_.search<abi::ServerRecord>(abi::ListKind::servers, [&](const abi::ServerRecord& record) {
        if (bounded(record.name) != slot) return false;
        program = Name{bounded(record.program)};
        return true;
    });
    if (!found) return Failure(Error::not_found);
    return program;
}

Result<std::uint32_t> Replacements::start(const Operation& operation, std::string_view slot, std::string_view program_name) {
    Program* program = programs_.find(program_name);
    if (program == nullptr) return Failure(Error::not_found);
    abi::ReplaceRequest request{};
    request.image = ANT_TRY(Programs::image(*program));
    std::memcpy(request.name, Name{slot}.text, sizeof request.name);
    std::memcpy(request.program, program->name.text, sizeof request.program);
    request.version = program->manifest->version;
    request.as_paper = operation.request.as_paper;
    request.timeout_us = operation.request.timeout_us != 0 ? operation.request.timeout_us : default_timeout_us;
    return static_cast<std::uint32_t>(ANT_TRY(sys::server_replace(request)));
}

// What can be known beforehand: then nothing has to be taken back. -> whether all of it can begin
bool Replacements::check(Operation& operation) {
    bool good = true;
    for (unsigned i = 0; i < operation.request.count; ++i) {
        const auto slot = bounded(operation.request.server[i].name);
        abi::ReplaceResult& result = operation.replaced.result[i];
        std::memcpy(result.name, Name{slot}.text, sizeof result.name);
        const auto before = program_of(slot);
        if (before) operation.before[i] = *before;
        result.error = before ? startable(slot, wanted_program(operation, i)) : before.error();
        good = good && result.error == Error::none;
    }
    for (unsigned i = 0; !good && i < operation.request.count; ++i)
        if (operation.replaced.result[i].error == Error::none) operation.replaced.result[i].error = Error::cancelled;
    return good;
}

Error Replacements::startable(std::string_view slot, std::string_view program_name) {
    // The archive and all plans are in this process's private memory: nobody could take them over yet.
    if (slot == startup().name) return Error::not_supported;
    Program* program = programs_.find(program_name);
    if (program == nullptr) return Error::not_found;
    const auto image = Programs::image(*program);
    return image ? Error::none : image.error();
}

std::string_view Replacements::wanted_program(const Operation& operation, unsigned index) {
    const auto program = bounded(operation.request.server[index].program);
    return program.empty() ? operation.before[index].view() : program;
}

void Replacements::advance(Operation& operation) {
    if (operation.index == operation.request.count) return finish(operation);
    const auto ticket =
        start(operation, bounded(operation.request.server[operation.index].name), wanted_program(operation, operation.index));
    if (!ticket) {
        operation.replaced.result[operation.index].error = ticket.error();
        return undo(operation);
    }
    operation.ticket = *ticket;
}

// Replacement `index` has failed: the ones before it are taken back, the latest first.
void Replacements::undo(Operation& operation) {
    if (!operation.undoing) {
        operation.undoing = true;
        for (unsigned i = operation.index + 1; i < operation.request.count; ++i)
            operation.replaced.result[i].error = Error::cancelled;
    }
    while (operation.index != 0) {
        --operation.index;
        const auto& done = operation.request.server[operation.index];
        operation.replaced.result[operation.index].error = Error::cancelled;
        const Name& before = operation.before[operation.index];
        if (wanted_program(operation, operation.index) == before.view()) continue;
        const auto ticket = start(operation, bounded(done.name), before.view());
        if (ticket) {
            operation.ticket = *ticket;
            return;
        }
        log("guardian: %s keeps its new program: %s", Name{bounded(done.name)}.text, error_text(ticket.error()));
    }
    finish(operation);
}

void Replacements::finish(Operation& operation) {
    const Call call{operation.control};
    const Outcome outcome = call.reply_with(operation.replaced);
    (void)Server::answer(operation.control, outcome.error, outcome.value);
    operation.control = 0;
}

void Replacements::ended(Operation& operation, const abi::ReplaceResult& result) {
    if (operation.undoing) return undo(operation);
    operation.replaced.result[operation.index] = result;
    if (result.error != Error::none) return undo(operation);
    ++operation.index;
    advance(operation);
}

void Replacements::collect() {
    abi::ReplaceResult result{};
    while (sys::replace_result(result)) {
        for (Operation& operation : operations_) {
            if (operation.control == 0 || operation.ticket != result.ticket) continue;
            ended(operation, result);
            break;
        }
    }
}

}  // namespace ant::guardian_server
