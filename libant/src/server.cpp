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

// The first word of an Outcome, without its kind, is the argument of `reply`.
constexpr unsigned kind_shift = 40;
static_assert(offsetof(Outcome, error) == 0 && offsetof(Outcome, list) == 4 && offsetof(Outcome, kind) * 8 == kind_shift);

// What a spoilt answer says.
constexpr std::int64_t wrong_value = -0x5a5a'5a5a;

}  // namespace

// What a receive said, by meaning instead of register. Inlined functions write its fields one by one: the
// compiler then keeps it in registers.
struct Server::Receipt {
    std::uint64_t events;
    std::uint64_t what;  // abi::Receipt | (op, or error of a result) << 8 | receipt_flag | function << 32
    std::uint64_t control, value, data;
    Error error;

    [[gnu::always_inline]] void take(const sys::Raw& r) {
        error = r.error;
        events = r.rdx;
        what = r.rsi;
        control = r.rdi;
        value = r.r8;
        data = r.r9;
    }
    // Of a request; of any other receipt out of range: the rotation brings to the top what differs in the low byte.
    [[nodiscard]] std::uint32_t operation() const {
        return std::rotr(static_cast<std::uint32_t>(what) - static_cast<std::uint32_t>(abi::Receipt::request), 8);
    }
    [[nodiscard]] abi::Receipt kind() const { return static_cast<abi::Receipt>(what & 0xff); }
    [[nodiscard]] std::uint32_t function() const { return static_cast<std::uint32_t>(what >> 32); }
    [[nodiscard]] CallResult result() const {
        return {control, static_cast<Error>(what >> 8 & 0xff), static_cast<std::int64_t>(value), data, what};
    }
};

constinit Server* Server::running_ = nullptr;
constinit std::array<Server::Entry, Server::max_ops> Server::ops_{}, Server::spoilt_{};
constinit std::array<Server::ResultEntry, 16> Server::results_{};

Server::Server(const char* slot) : slot_{slot} {
    ops_.fill({});
    results_.fill({});
    on(guardian::crash, crash_as_asked);
}

Outcome Server::unknown_operation(Call) { return Error::bad_function; }

// In place of every operation until one of them has been called: so the loop needs no test for it.
Outcome Server::answer_wrongly(Call) {
    ops_ = spoilt_;
    return Call::reply(wrong_value);
}

void Server::spoil_next_answer() {
    spoilt_ = ops_;
    ops_.fill({answer_wrongly, 0});
}

void Server::handle(const char* name, std::uint16_t op, const Entry& entry, std::uint16_t attributes) {
    if (op >= max_ops || names_[op] != nullptr) panic("operation %s: number %u is out of range or taken", name, op);
    names_[op] = name;
    ops_[op] = entry;
    attributes_[op] = attributes;
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
    running_ = this;
    const Result<> started = start();
    if (!started) return started.error();
    if (before_receive_ != nullptr) serve<true>();
    serve<false>();
}

// What can be done before the registration is done before: it does not add to the blackout.
Result<> Server::start() {
    std::uint64_t provided = 0;
    if (startup().replacing != 0) provided = provided_operations();
    const sys::Registration registration = ANT_TRY(sys::server_register(readable_formats(), register_flags_));
    registered_ = registration.how;
    told_format_ = registration.write_format;
    const bool fresh = registered_ == abi::Registered::fresh;
    if (!fresh) restore();
    ANT_TRY(register_operations(provided));
    if (fresh && start_ != nullptr) start_();
    return {};
}

std::uint32_t Server::write_format() const {
    if (told_format_ != own_choice) return static_cast<std::uint32_t>(told_format_);
    return &ant_manifest == nullptr ? 0 : ant_manifest.manifest.state_writes;
}

std::uint64_t Server::provided_operations() const {
    std::uint64_t provided = 0;
    for (unsigned op = 0; op < max_ops; ++op) {
        if (names_[op] == nullptr) continue;
        const auto found = sys::function_find(FunctionName{slot_, names_[op]}.text);
        if (found && found->provided) provided |= std::uint64_t{1} << op;
    }
    return provided;
}

Result<> Server::register_operations(std::uint64_t provided) const {
    for (unsigned op = 0; op < max_ops; ++op) {
        if (names_[op] == nullptr || (provided >> op & 1) != 0) continue;
        ANT_TRY(sys::function_register(FunctionName{slot_, names_[op]}.text, op | attributes_[op]));
    }
    return {};
}

void Server::restore() {
    if (restore_ != nullptr) {
        const auto state = sys::state_fetch();
        restore_(state ? *state : sys::State{});
    } else if (registered_ == abi::Registered::restarted) {
        (void)AreaKeeper{}.sweep();
    }
    sys::phase(abi::Phase::state);
}

void Server::settle() {
    told_format_ = own_choice;
    if (settled_ != nullptr) settled_();
}

// The hot loop: requests and results that come without events. The core clears what it does not set, so that after
// an error `what` is Receipt::event, and the way to a request needs no test of its own.
template <bool has_hook>
void Server::serve() {
    std::uint64_t answered = 0;  // the call that the last system call was to answer or forward
    Receipt receipt;
    receive<has_hook>(receipt);
    for (;;) {
        const std::uint32_t op = receipt.operation();
        if (op < max_ops && receipt.events == 0 && Call{receipt.control}.parameter_bytes() >= ops_[op].parameter_bytes)
            [[likely]] {
            answered = receipt.control;
            const Outcome outcome = ops_[op].handler(Call{answered});
            finish<has_hook>(receipt, answered, outcome);
        } else if (receipt.kind() == abi::Receipt::result && receipt.events == 0) {
            const CallResult result = receipt.result();
            const Outcome outcome = result_handler(receipt.function())(result);
            answered = result.relayed() ? result.control : 0;
            finish_result<has_hook>(receipt, result, outcome);
        } else {
            Receipt other = receipt;
            answered = take_other(other, answered);
            receipt = other;
        }
    }
}

template <bool has_hook>
[[gnu::always_inline]] inline void Server::receive(Receipt& receipt) {
    receipt.take(sys::raw(sys::Syscall::receive, timeout<has_hook>()));
}

// Does with the call what its handler said, and receives the next.
template <bool has_hook>
[[gnu::always_inline]] inline void Server::finish(Receipt& receipt, std::uint64_t control, const Outcome& outcome) {
    const std::uint64_t timeout_us = timeout<has_hook>();
    std::uint64_t status;
    __builtin_memcpy(&status, &outcome, sizeof status);
    if (status >> kind_shift == 0) [[likely]]
        receipt.take(sys::raw(sys::Syscall::reply_and_receive, control, static_cast<std::uint64_t>(outcome.value),
                              outcome.data.word(), status, timeout_us));
    else if (outcome.kind == Outcome::Kind::forwarded)
        receipt.take(sys::raw(sys::Syscall::forward_and_receive, sys::pair(outcome.function, outcome.flags), control,
                              outcome.parameters, outcome.data.word(), timeout_us));
    else
        receipt.take(sys::raw(sys::Syscall::receive, timeout_us));
}

// Only a call that was forwarded is to be answered now; of an own one the control ICA is free again.
template <bool has_hook>
[[gnu::always_inline]] inline void Server::finish_result(Receipt& receipt, const CallResult& result, const Outcome& outcome) {
    if (result.relayed()) {
        finish<has_hook>(receipt, result.control, outcome);
    } else {
        controls::give(result.control);
        receive<has_hook>(receipt);
    }
}

// The general case, with a receive at its end. -> the call that it was to answer or forward
std::uint64_t Server::take_other(Receipt& receipt, std::uint64_t answered) {
    if ((receipt.events & abi::event::settled) != 0) settle();
    if (receipt.events != 0 && event_ != nullptr) event_(receipt.events);
    switch (receipt.kind()) {
        case abi::Receipt::request: {
            const std::uint64_t control = receipt.control;
            finish<true>(receipt, control, handle_request(receipt.operation(), Call{control}));
            return control;
        }
        case abi::Receipt::result: {
            const CallResult result = receipt.result();
            const Outcome outcome = result_handler(receipt.function())(result);
            finish_result<true>(receipt, result, outcome);
            return result.relayed() ? result.control : 0;
        }
        case abi::Receipt::replacement:
            hand_over();
            break;
        case abi::Receipt::event: {
            if (receipt.error != Error::none && receipt.error != Error::timed_out) recover(receipt.error, answered);
            break;
        }
    }
    receive<true>(receipt);
    return 0;
}

Outcome Server::handle_request(std::uint32_t op, Call call) {
    if (op >= max_ops) return Error::bad_function;
    if (call.parameter_bytes() < ops_[op].parameter_bytes) return Error::invalid_argument;
    return ops_[op].handler(call);
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
    return other_result_;
}

// Nobody waits for this result here: of an own call only the area is of interest.
Outcome Server::default_result(const CallResult& result) {
    if (result.relayed()) return result.passed_on();
    if (result.data != 0) (void)sys::ica_release(result.data);
    return {};
}

void Server::hand_over() {
    if (save_ != nullptr) save_();
    controls::release_all();
    (void)sys::hand_over();  // comes back only when the replacement was cancelled: then the service goes on
}

Result<> Server::answer(std::uint64_t control, Error error, std::int64_t value, Data data, bool list) {
    return sys::check(sys::raw(sys::Syscall::reply, control, static_cast<std::uint64_t>(value), data.word(),
                               sys::pair(static_cast<std::uint32_t>(error), list ? 1 : 0)));
}

void AreaKeeper::flush() {
    const Result<> kept = sys::area_keep(addresses_.data(), count_);
    if (!kept) refused_ = kept.error();
    count_ = 0;
}

Result<std::uint64_t> AreaKeeper::sweep() {
    if (count_ != 0) flush();
    if (refused_ != Error::none) return Failure(refused_);
    return sys::area_sweep();
}

}  // namespace ant
