#include <ant/server.hpp>

#include <ant/abi/manifest.hpp>
#include <ant/interface/guardian.hpp>

#include <bit>

#include "crash.hpp"

// The program's manifest (ANT_MANIFEST); a program without one reads no state.
extern const ant::abi::ManifestNote ant_manifest [[gnu::weak]];

namespace ant {

namespace {

std::uint64_t readable_formats() { return &ant_manifest == nullptr ? 1 : ant_manifest.manifest.state_reads; }

// "SLOT.operation". Too long a name is the program's mistake.
struct FunctionName {
    char text[abi::name_bytes];
    FunctionName(const char* slot, const char* operation) {
        if (format(text, sizeof text, "%s.%s", slot, operation) >= sizeof text)
            panic("function name too long: %s.%s", slot, operation);
    }
};

// Bit of Receipt::result: a forwarded call that has come back through this relay.
constexpr std::uint64_t relayed_bit = 1 << 16;

}  // namespace

// What a receive said, by meaning instead of register.
struct Server::Receipt {
    Error error;
    std::uint64_t events;
    std::uint64_t what;  // abi::Receipt | (op, or error of a result) << 8 | relayed_bit | function << 32
    std::uint64_t control, value, data;

    [[nodiscard]] CallResult result() const {
        return {control, static_cast<Error>(what >> 8 & 0xff), static_cast<std::int64_t>(value), data, (what & relayed_bit) != 0};
    }
};

[[gnu::always_inline]] inline Server::Receipt Server::received(const sys::Raw& r) {
    return {r.error, r.rdx, r.rsi, r.rdi, r.r8, r.r9};
}

[[gnu::always_inline]] inline Server::Receipt Server::reply_and_receive(std::uint64_t control, const Outcome& outcome,
                                                                        std::uint64_t status, std::uint64_t timeout_us) {
    return received(sys::raw(sys::Syscall::reply_and_receive, control, static_cast<std::uint64_t>(outcome.value),
                             outcome.data.address | static_cast<std::uint64_t>(outcome.data.mode), status, timeout_us));
}
// The first word of an Outcome, without its kind, is the argument of `reply`.
constexpr unsigned kind_shift = 40;
static_assert(offsetof(Outcome, error) == 0 && offsetof(Outcome, list) == 4 && offsetof(Outcome, kind) * 8 == kind_shift);

Server::Server(const char* slot) : slot_{slot} { on(guardian::crash, crash_as_asked); }

Outcome Server::unknown_operation(Call) { return Error::bad_function; }

void Server::handle(const char* name, std::uint16_t op, std::uint32_t parameter_bytes, RequestHandler handler) {
    if (op >= max_ops || names_[op] != nullptr) panic("operation %s: number %u is out of range or taken", name, op);
    names_[op] = name;
    ops_[op] = {handler, parameter_bytes};
}

void Server::handle_result(const ResultEntry& wanted) {
    for (ResultEntry& entry : results_) {
        if (entry.handler != nullptr && (entry.client != wanted.client || entry.op != wanted.op)) continue;
        entry = wanted;
        return;
    }
    panic("too many result handlers");
}

Error Server::run() {
    const Result<> started = start();
    if (!started) return started.error();
    serve();
}

// What can be done before the registration is done before: it does not add to the blackout.
Result<> Server::start() {
    std::uint64_t provided = 0;
    if (startup().replacing != 0) provided = ANT_TRY(provided_operations());
    const bool replaces = ANT_TRY(sys::server_register(readable_formats()));
    if (replaces) restore();
    ANT_TRY(register_operations(provided));
    if (!replaces && start_ != nullptr) start_();
    return {};
}

Result<std::uint64_t> Server::provided_operations() const {
    std::uint64_t provided = 0;
    for (unsigned op = 0; op < max_ops; ++op) {
        if (names_[op] == nullptr) continue;
        const auto found = ANT_TRY(sys::function_find(FunctionName{slot_, names_[op]}.text));
        if (found.provided) provided |= std::uint64_t{1} << op;
    }
    return provided;
}

Result<> Server::register_operations(std::uint64_t provided) const {
    for (unsigned op = 0; op < max_ops; ++op) {
        if (names_[op] == nullptr || (provided >> op & 1) != 0) continue;
        ANT_TRY(sys::function_register(FunctionName{slot_, names_[op]}.text, static_cast<std::uint16_t>(op)));
    }
    return {};
}

void Server::restore() {
    if (restore_ == nullptr) return;
    const auto state = sys::state_fetch();
    restore_(state ? *state : sys::State{});
}

[[gnu::always_inline]] inline Server::Receipt Server::receive() { return received(sys::raw(sys::Syscall::receive, timeout())); }

// The hot loop. The core clears what it does not set, so that after an error rsi is Receipt::event and the way
// to a request needs no test of its own.
void Server::serve() {
    Receipt receipt = receive();
    std::uint64_t control = 0;
    for (;;) {
        if (receipt.events != 0) [[unlikely]]
            deliver_events(receipt.events);
        // A request with an operation in range, in one comparison: any other receipt leaves something in the
        // low byte, which the rotation brings to the top.
        const std::uint32_t kind = static_cast<std::uint32_t>(receipt.what) - static_cast<std::uint32_t>(abi::Receipt::request);
        const std::uint32_t op = std::rotr(kind, 8);
        if (op >= max_ops) [[unlikely]] {
            if (static_cast<abi::Receipt>(receipt.what & 0xff) != abi::Receipt::result) {
                receipt = take_other(Receipt{receipt}, control);
                control = 0;
                continue;
            }
            const CallResult result = receipt.result();
            const ResultHandler handler = result_handler(static_cast<std::uint32_t>(receipt.what >> 32));
            const Outcome outcome = handler(result);
            control = result.control;
            if (result.relayed) {
                receipt = finish(control, outcome, timeout());
            } else {
                controls::give(control);
                control = 0;
                receipt = receive();
            }
            continue;
        }
        control = receipt.control;
        const Entry& entry = ops_[op];
        if (Call{control}.parameter_bytes() < entry.parameter_bytes) [[unlikely]] {
            receipt = finish_otherwise(control, Error::invalid_argument, timeout());
            continue;
        }
        const Outcome outcome = entry.handler(Call{control});
        receipt = finish(control, outcome, timeout());
    }
}

// Does with the call what its handler said, and receives the next.
[[gnu::always_inline]] inline Server::Receipt Server::finish(std::uint64_t control, const Outcome& outcome,
                                                             std::uint64_t timeout_us) {
    std::uint64_t status;
    __builtin_memcpy(&status, &outcome, sizeof status);
    if (status >> kind_shift != 0) [[unlikely]]
        return finish_otherwise(control, outcome, timeout_us);
    return reply_and_receive(control, outcome, status, timeout_us);
}

void Server::deliver_events(std::uint64_t events) {
    if (event_ != nullptr) event_(events);
}

Server::Receipt Server::finish_otherwise(std::uint64_t control, const Outcome& outcome, std::uint64_t timeout_us) {
    switch (outcome.kind) {
        case Outcome::Kind::deferred:
            return received(sys::raw(sys::Syscall::receive, timeout_us));
        case Outcome::Kind::forwarded:
            return received(sys::raw(sys::Syscall::forward_and_receive, sys::pair(outcome.function, outcome.flags), control,
                                     outcome.parameters, outcome.data.address, timeout_us));
        case Outcome::Kind::replied:
            break;
    }
    return reply_and_receive(control, outcome, sys::pair(static_cast<std::uint32_t>(outcome.error), outcome.list ? 1 : 0),
                             timeout_us);
}

// Everything but requests in range and results. `answered`: the call that the system call before was to answer or forward.
Server::Receipt Server::take_other(const Receipt& receipt, std::uint64_t answered) {
    switch (static_cast<abi::Receipt>(receipt.what & 0xff)) {
        case abi::Receipt::result:
            break;  // taken by the loop itself
        case abi::Receipt::request:
            return finish_otherwise(receipt.control, Error::bad_function, timeout());
        case abi::Receipt::replacement:
            hand_over();
            break;
        case abi::Receipt::event:
            if (receipt.error != Error::none && receipt.error != Error::timed_out) recover(receipt.error, answered);
            break;
    }
    return receive();
}

// A reply or forward was refused, for a data area that is not ours or a server that is not there: the
// requester gets the error instead of waiting for ever.
void Server::recover(Error error, std::uint64_t answered) {
    if (answered == 0) panic("receive: %s", error_text(error));
    (void)answer(answered, error);
}

[[gnu::always_inline]] inline Server::ResultHandler Server::result_handler(std::uint32_t function) {
    for (const ResultEntry& entry : results_) {
        if (entry.function == function) return entry.handler;
        if (entry.handler == nullptr) break;
    }
    return find_result_handler(function);
}

Server::ResultHandler Server::find_result_handler(std::uint32_t function) {
    for (ResultEntry& entry : results_) {
        if (entry.handler == nullptr) break;
        const auto id = entry.client->identifier(entry.name, entry.op);
        if (!id || *id != function) continue;
        entry.function = function;
        return entry.handler;
    }
    return default_result;
}

// Nobody waits for this result here: a relayed one goes on to its requester as it came, of an own call
// only the area is of interest.
Outcome Server::default_result(const CallResult& result) {
    Outcome outcome = result.error;
    outcome.value = result.value;
    if (result.data != 0 && result.relayed) outcome.data = {result.data, abi::DataMode::move};
    if (result.data != 0 && !result.relayed) (void)sys::ica_release(result.data);
    return outcome;
}

void Server::hand_over() {
    if (save_ != nullptr) save_();
    controls::release_all();
    (void)sys::hand_over();  // comes back only when the replacement was cancelled: then the service goes on
}

Result<> Server::answer(std::uint64_t control, Error error, std::int64_t value, Data data, bool list) {
    return sys::check(sys::raw(sys::Syscall::reply, control, static_cast<std::uint64_t>(value),
                               data.address | static_cast<std::uint64_t>(data.mode),
                               sys::pair(static_cast<std::uint32_t>(error), list ? 1 : 0)));
}

}  // namespace ant
