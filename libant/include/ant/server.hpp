// Server: the main loop of an OS server. Register handlers, then run().
//
// The loop hears of a pending replacement first, then takes results, then requests; events
// (interrupts, ends of processes) come with each of them. A server without state is replaceable for nothing.
#pragma once

#include <ant/client.hpp>
#include <ant/function.hpp>
#include <ant/process.hpp>
#include <ant/syscalls.hpp>

#include <array>

namespace ant {

// What the loop does with the call after its handler has returned. The first word has the layout of the last
// argument of `reply` (error | list << 32), with `kind` above: the loop passes it on as it is.
struct Outcome {
    enum class Kind : std::uint8_t { replied, deferred, forwarded };
    Error error = Error::none;
    bool list = false;  // replied: the parameter area begins with a DataList
    Kind kind = Kind::replied;
    std::uint16_t reserved = 0;  // no padding, so that the word is one store
    std::int64_t value = 0;
    Data data{};
    // Of a forwarded call only; not set otherwise, which keeps a plain reply cheap.
    std::uint32_t function;
    std::uint32_t flags;
    std::uint64_t parameters;  // offset | bytes << 32

    constexpr Outcome() {}                    // NOLINT: see above
    constexpr Outcome(Error e) : error{e} {}  // NOLINT: an Error is a complete answer
};

// A call as its handler sees it. Copyable: the address of the control ICA is all it is. It stays
// valid until answered or forwarded, also across other calls (deferred) and across a replacement.
class Call {
public:
    explicit Call(std::uint64_t control) : control_{control} {}

    [[nodiscard]] std::uint64_t control() const { return control_; }
    [[nodiscard]] const abi::Frame& frame() const {
        // currentp was written by the core when the call was delivered; nobody else has the page mapped and runs.
        return *reinterpret_cast<const abi::Frame*>(page()->currentp);
    }
    [[nodiscard]] std::uint64_t id() const { return page()->call_id; }
    // An earlier process of this server has had the call: its effect may be there already (docs/recovery.md).
    [[nodiscard]] bool redelivered() const { return (frame().flags & abi::flag::redelivered) != 0; }
    [[nodiscard]] std::uint32_t user_id() const { return frame().user_id; }
    [[nodiscard]] std::uint32_t requester() const { return frame().requester_slot; }
    [[nodiscard]] std::uint64_t data() const { return frame().data; }
    [[nodiscard]] std::uint32_t parameter_bytes() const { return frame().parameter_bytes; }
    // In place: a result written over it replaces it.
    template <class P>
    [[nodiscard]] P& params() const {
        return *reinterpret_cast<P*>(frame().parameters);
    }
    // Data ICAs of a call with flag::data_list; empty otherwise. Checked by the core.
    [[nodiscard]] std::span<abi::DataListEntry> data_list() const {
        if ((frame().flags & abi::flag::data_list) == 0) return {};
        auto& list = params<abi::DataList>();
        return {list.entries, list.count};
    }
    template <class P>
    [[nodiscard]] P& params_after_list() const {
        return *reinterpret_cast<P*>(frame().parameters + sizeof(abi::DataList) +
                                     data_list().size() * sizeof(abi::DataListEntry));
    }

    [[nodiscard]] static Outcome reply(std::int64_t value = 0, Data data = {}) {
        Outcome o;
        o.value = value;
        o.data = data;
        return o;
    }
    template <class R>
    [[nodiscard]] Outcome reply_with(const R& result, std::int64_t value = 0, Data data = {}) const {
        // The caller's parameter area holds the larger of parameters and result (Client::call sees to it).
        if (parameter_bytes() < sizeof(R)) [[unlikely]]
            return Error::invalid_argument;
        __builtin_memcpy(&params<R>(), &result, sizeof(R));
        return reply(value, data);
    }
    // Keeps the call for later: Server::answer.
    [[nodiscard]] static Outcome defer() {
        Outcome o;
        o.kind = Outcome::Kind::deferred;
        return o;
    }
    // Multi-stage: passes the call on with the same parameter area. flags: abi::flag::direct_return | DataMode.
    [[nodiscard]] Outcome forward(std::uint32_t function, std::uint32_t flags, std::uint64_t data = 0) const {
        Outcome o;
        o.kind = Outcome::Kind::forwarded;
        o.function = function;
        o.flags = flags;
        o.data = {data, abi::DataMode::none};
        o.parameters = sys::pair(static_cast<std::uint32_t>(frame().parameters & (abi::page_size - 1)), parameter_bytes());
        return o;
    }

private:
    [[nodiscard]] const abi::ControlIca* page() const { return reinterpret_cast<const abi::ControlIca*>(control_); }
    std::uint64_t control_;
};

// A result of an asynchronous call. The control ICA goes back to the pool when the handler returns,
// unless a forwarded call came back through this relay (sequential return): then `relayed` is true and the
// handler's Outcome answers it.
struct CallResult {
    std::uint64_t control;
    Error error;
    std::int64_t value;
    std::uint64_t data;     // now this process's own, or 0
    std::uint64_t receipt;  // abi::receipt_flag

    [[nodiscard]] bool relayed() const { return (receipt & abi::receipt_flag::relayed) != 0; }
    // Data ICAs that have come with the answer of an own call, and are this process's now; checked by the core.
    [[nodiscard]] std::span<const abi::DataListEntry> data_list() const {
        if (relayed() || (receipt & abi::receipt_flag::listed) == 0) return {};
        const std::uint64_t offset = reinterpret_cast<const abi::ControlIca*>(control)->frames[0].parameters % abi::page_size;
        const auto& list = *reinterpret_cast<const abi::DataList*>(control + offset);
        return {list.entries, list.count};
    }
    // A relayed one goes on to its requester as it came.
    [[nodiscard]] Outcome passed_on() const {
        Outcome outcome = error;
        outcome.value = value;
        if (data != 0) outcome.data = {data, abi::DataMode::move};
        return outcome;
    }
};

class Server {
public:
    using RequestHandler = Outcome (*)(Call);
    using ResultHandler = Outcome (*)(const CallResult&);
    using EventHandler = void (*)(std::uint64_t events);
    static constexpr unsigned max_ops = 64;

    // `slot` is the prefix of all function names: normally startup().name.
    explicit Server(const char* slot);

    // Requests whose parameter area is shorter than P are answered with invalid_argument before the handler.
    template <class P, class R>
    void on(const Function<P, R>& function, RequestHandler handler) {
        handle(function.name, function.op, {handler, wire_bytes<P>}, function.attributes);
    }
    // Results of calls that this process sent with Client::send, or forwarded.
    template <class P, class R>
    void on_result(Client& client, const Function<P, R>& function, ResultHandler handler) {
        handle_result({&client, function.name, function.op, handler});
    }
    // Results that no other handler is for.
    void on_other_result(ResultHandler handler) { other_result_ = handler; }
    void on_event(EventHandler handler) { event_ = handler; }
    // Called before each receive; returns the longest time to wait there in us (no_limit = for ever; abi::poll).
    // To be set before run().
    void before_receive(std::uint64_t (*hook)()) { before_receive_ = hook; }
    // State: `save` runs in the old process before it hands over, `restore` in the new one right after; after a
    // failure as well, without a save before it. A server that keeps no state gets none, and what areas the failed
    // process had are released.
    void on_save(void (*save)()) { save_ = save; }
    void on_restore(void (*restore)(sys::State)) { restore_ = restore; }
    // Runs once in a process that starts fresh, after registration.
    void on_start(void (*start)()) { start_ = start; }
    // The probation is over: from now on write_format() is the newest.
    void on_settled(void (*settled)()) { settled_ = settled; }
    // Deferred calls come again after a planned replacement too (after a failure they always do): for a server that
    // does not keep in its state which calls it holds. To be called before run().
    void redeliver_deferred() { register_flags_ |= abi::register_flag::redeliver; }

    // From the restore hook on: what the process found when it registered.
    [[nodiscard]] abi::Registered registered() const { return registered_; }
    // The state format to be written now. A program on probation writes that of the program before it, which may have to
    // take over again.
    [[nodiscard]] std::uint32_t write_format() const;

    // Registers and serves. Returns only with an error of the registration.
    [[nodiscard]] Error run();

    // The next call is answered with a value that is none of its handler's: a fault on purpose (guardian::crash).
    static void spoil_next_answer();

    // Answers a deferred call.
    static Result<> answer(std::uint64_t control, Error error, std::int64_t value = 0, Data data = {}, bool list = false);

private:
    static constexpr std::uint64_t own_choice = ~std::uint64_t{0};  // of a state format
    struct Entry {
        RequestHandler handler = unknown_operation;
        std::uint64_t parameter_bytes = 0;  // at least
    };
    // The callee may not be there yet: its function is looked up when a result comes.
    struct ResultEntry {
        Client* client = nullptr;
        const char* name = nullptr;
        std::uint16_t op = 0;
        ResultHandler handler = nullptr;
        std::uint32_t function = 0;  // as found last
    };

    static Outcome unknown_operation(Call);
    static Outcome answer_wrongly(Call);
    void handle(const char* name, std::uint16_t op, const Entry& entry, std::uint16_t attributes);
    void handle_result(const ResultEntry& wanted);
    [[nodiscard]] std::uint64_t provided_operations() const;
    Result<> register_operations(std::uint64_t provided) const;
    Result<> start();
    void restore();
    void settle();
    // `has_hook`: before_receive_ may be set. A loop without it saves the question each time round.
    template <bool has_hook>
    [[noreturn]] void serve();
    struct Receipt;
    template <bool has_hook>
    void receive(Receipt& receipt);
    template <bool has_hook>
    void finish(Receipt& receipt, std::uint64_t control, const Outcome& outcome);
    std::uint64_t take_other(Receipt& receipt, std::uint64_t answered);
    [[nodiscard]] static Outcome handle_request(std::uint32_t op, Call call);
    template <bool has_hook>
    void finish_result(Receipt& receipt, const CallResult& result, const Outcome& outcome);
    static Outcome default_result(const CallResult& result);
    [[nodiscard]] ResultHandler result_handler(std::uint32_t function);
    [[nodiscard]] ResultHandler find_result_handler(std::uint32_t function);
    static void recover(Error error, std::uint64_t answered);
    template <bool has_hook>
    [[nodiscard]] std::uint64_t timeout() const {
        return has_hook && before_receive_ != nullptr ? before_receive_() : no_limit;
    }
    void hand_over();

    static constinit Server* running_;
    // Of the one server of a program: at known places.
    static constinit std::array<Entry, max_ops> ops_, spoilt_;
    static constinit std::array<ResultEntry, 16> results_;

    const char* slot_;
    std::array<const char*, max_ops> names_{};  // nullptr: not offered
    std::array<std::uint16_t, max_ops> attributes_{};
    ResultHandler other_result_ = default_result;
    EventHandler event_ = nullptr;
    std::uint64_t (*before_receive_)() = nullptr;
    void (*save_)() = nullptr;
    void (*restore_)(sys::State) = nullptr;
    void (*start_)() = nullptr;
    void (*settled_)() = nullptr;
    std::uint64_t register_flags_ = 0;
    std::uint64_t told_format_ = own_choice;
    abi::Registered registered_ = abi::Registered::fresh;
};

// After a failure: names the areas that the state speaks of, and releases the others that the failed process had.
class AreaKeeper {
public:
    void keep(std::uint64_t address) {
        if (count_ == addresses_.size()) flush();
        addresses_[count_++] = address;
    }
    // -> areas released. An error if one that was to be kept is not this server's: the state is wrong, and nothing
    // is released.
    Result<std::uint64_t> sweep();

private:
    void flush();
    std::array<std::uint64_t, 64> addresses_;
    std::size_t count_ = 0;
    Error refused_ = Error::none;
};

}  // namespace ant
