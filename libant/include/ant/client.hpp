// Client: calls the functions of one server slot, by name, typed.
#pragma once

#include <ant/function.hpp>
#include <ant/ica.hpp>
#include <ant/syscalls.hpp>

#include <array>

namespace ant {

inline constexpr std::uint64_t no_limit = 0;
inline constexpr std::uint64_t default_timeout_us = 10'000'000;

// A data ICA that goes with a call.
class Data {
public:
    constexpr Data() = default;
    constexpr Data(std::uint64_t address, abi::DataMode mode)
        : word_{(address & ~std::uint64_t{abi::flag::data_mask}) | static_cast<std::uint64_t>(mode)} {}

    [[nodiscard]] constexpr std::uint64_t address() const { return word_ & ~std::uint64_t{abi::flag::data_mask}; }
    [[nodiscard]] constexpr std::uint32_t mode() const { return static_cast<std::uint32_t>(word_) & abi::flag::data_mask; }
    // Both, as `reply` takes them.
    [[nodiscard]] constexpr std::uint64_t word() const { return word_; }

private:
    std::uint64_t word_ = 0;  // areas begin at pages
};
inline Data move(Ica&& area) { return {area.detach(), abi::DataMode::move}; }
inline Data lend_read(const Ica& area) { return {area.address(), abi::DataMode::lend_read}; }
inline Data lend_write(const Ica& area) { return {area.address(), abi::DataMode::lend_write}; }

// Several data ICAs: `put` them into the parameter area ahead of the parameters.
// Used with call_list / send_list; see abi::DataList.

template <class R>
struct Answer {
    [[no_unique_address]] R result{};
    std::int64_t value = 0;
    std::uint64_t data = 0;  // a data ICA that is now the caller's, or 0
};

// An answer that is read where it lies: valid until the next synchronous call.
template <class R>
struct AnswerInPlace {
    const R* result = nullptr;
    std::int64_t value = 0;
    std::uint64_t data = 0;
};

// Control ICAs of this process that are not in a call. All clients share it.
namespace controls {
Result<std::uint64_t> take();  // reserves one if none is at hand
void give(std::uint64_t control);
void release_all();  // before a hand-over: the next process has its own pool
// NOLINTNEXTLINE(*-dynamic-static-initializers)
extern constinit std::uint64_t synchronous;  // the one that synchronous calls use; 0 until the first
Result<std::uint64_t> first_synchronous();
}  // namespace controls

class Client {
public:
    // `slot` must outlive the client ("inet", "rtl8139.1").
    constexpr explicit Client(const char* slot) : slot_{slot} {}

    [[nodiscard]] const char* slot() const { return slot_; }

    // The function identifier, looked up once.
    template <class P, class R>
    Result<std::uint32_t> identifier(const Function<P, R>& function) {
        return identifier(function.name, function.op);
    }
    Result<std::uint32_t> identifier(const char* name, std::uint16_t op) {
        std::uint32_t& id = ids_[op % ids_.size()];
        if (id != 0) [[likely]]
            return id;
        id = ANT_TRY(find(name));
        return id;
    }

    // Synchronous: waits for the answer. After Error::timed_out the data ICA that was moved is gone
    // (the late answer frees it).
    template <class P, class R>
    Result<Answer<R>> call(const Function<P, R>& function, const P& params = {}, Data data = {},
                           std::uint64_t timeout_us = default_timeout_us) {
        const std::uint32_t id = ANT_TRY(identifier(function));
        std::uint64_t control = controls::synchronous;
        if (control == 0) [[unlikely]]
            control = ANT_TRY(controls::first_synchronous());
        put(control, params);
        const sys::Raw r = sys::raw(sys::Syscall::request, sys::pair(id, data.mode()), control,
                                    sys::pair(abi::parameter_base, wire<P, R>), data.address(), timeout_us);
        return finish<R>(r, control, function.op);
    }

    // As call, for large parameters and for payload behind them: `fill(P&)` writes both into the parameter
    // area itself, `extra` bytes behind P included.
    template <class P, class R, class Fill>
    Result<AnswerInPlace<R>> call_in_place(const Function<P, R>& function, Fill&& fill, std::uint32_t extra = 0, Data data = {},
                                           std::uint64_t timeout_us = default_timeout_us) {
        const std::uint32_t id = ANT_TRY(identifier(function));
        std::uint64_t control = controls::synchronous;
        if (control == 0) [[unlikely]]
            control = ANT_TRY(controls::first_synchronous());
        fill(*reinterpret_cast<P*>(control + abi::parameter_base));
        constexpr std::uint32_t least = wire<P, R>;
        const std::uint32_t sent_bytes = wire_bytes<P> + extra;
        const sys::Raw r =
            sys::raw(sys::Syscall::request, sys::pair(id, data.mode()), control,
                     sys::pair(abi::parameter_base, sent_bytes < least ? least : sent_bytes), data.address(), timeout_us);
        if (r.error != Error::none) [[unlikely]]
            return Failure(failed(*this, r.error, r.rdi, function.op));
        return AnswerInPlace<R>{reinterpret_cast<const R*>(control + abi::parameter_base), static_cast<std::int64_t>(r.rdx),
                                r.rsi};
    }

    // As call, with several data ICAs: `lists` entries were written by the caller. Parameters follow the list.
    template <class P, class R>
    Result<Answer<R>> call_list(const Function<P, R>& function, std::span<const abi::DataListEntry> entries, const P& params,
                                std::uint64_t timeout_us = default_timeout_us) {
        const std::uint32_t id = ANT_TRY(identifier(function));
        std::uint64_t control = controls::synchronous;
        if (control == 0) [[unlikely]]
            control = ANT_TRY(controls::first_synchronous());
        const std::uint32_t bytes = put_list(control, entries, params);
        const sys::Raw r = sys::raw(sys::Syscall::request, sys::pair(id, abi::flag::data_list), control,
                                    sys::pair(abi::parameter_base, bytes), 0, timeout_us);
        return finish<R>(r, control, function.op);
    }

    // Synchronous: the area is moved there and comes back with the answer, also with an error. If it does not, `area` is empty
    // afterwards. -> the value
    template <class P, class R>
    Result<std::int64_t> exchange(const Function<P, R>& function, const P& params, Ica& area,
                                  std::uint64_t timeout_us = no_limit) {
        const std::uint32_t id = ANT_TRY(identifier(function));
        std::uint64_t control = controls::synchronous;
        if (control == 0) [[unlikely]]
            control = ANT_TRY(controls::first_synchronous());
        put(control, params);
        const std::size_t pages = area.pages();
        const Data data = move(std::move(area));
        const sys::Raw r = sys::raw(sys::Syscall::request, sys::pair(id, data.mode()), control,
                                    sys::pair(abi::parameter_base, wire<P, R>), data.address(), timeout_us);
        area = r.rsi == data.address() ? Ica::adopt(r.rsi, pages) : came_back(r, data.address());
        if (r.error != Error::none) [[unlikely]]
            return Failure(failed(*this, r.error, r.rdi, function.op));
        return static_cast<std::int64_t>(r.rdx);
    }

    // Asynchronous: the result arrives at the server loop (Server::on_result).
    // -> the control ICA's address, by which the result can be recognised
    template <class P, class R>
    Result<std::uint64_t> send(const Function<P, R>& function, const P& params = {}, Data data = {}, std::uint32_t flags = 0,
                               std::uint64_t timeout_us = no_limit) {
        const std::uint32_t id = ANT_TRY(identifier(function));
        const std::uint64_t control = ANT_TRY(controls::take());
        put(control, params);
        return sent(sys::raw(sys::Syscall::request_async, sys::pair(id, flags | data.mode()), control,
                             sys::pair(abi::parameter_base, wire<P, R>), data.address(), timeout_us),
                    control, function.op);
    }
    // As send, `fill(parameter area)` writes what goes with it, and says how many bytes that is.
    template <class P, class R, class Fill>
    Result<std::uint64_t> send_in_place(const Function<P, R>& function, Fill&& fill, std::uint32_t flags = 0) {
        const std::uint32_t id = ANT_TRY(identifier(function));
        const std::uint64_t control = ANT_TRY(controls::take());
        const std::uint32_t bytes = fill(control + abi::parameter_base);
        return sent(sys::raw(sys::Syscall::request_async, sys::pair(id, flags), control, sys::pair(abi::parameter_base, bytes), 0,
                             no_limit),
                    control, function.op);
    }
    template <class P, class R>
    Result<std::uint64_t> send_list(const Function<P, R>& function, std::span<const abi::DataListEntry> entries, const P& params,
                                    std::uint32_t flags = 0, std::uint64_t timeout_us = no_limit) {
        const std::uint32_t id = ANT_TRY(identifier(function));
        const std::uint64_t control = ANT_TRY(controls::take());
        const std::uint32_t bytes = put_list(control, entries, params);
        return sent(sys::raw(sys::Syscall::request_async, sys::pair(id, flags | abi::flag::data_list), control,
                             sys::pair(abi::parameter_base, bytes), 0, timeout_us),
                    control, function.op);
    }

private:
    static constexpr std::uint32_t larger(std::uint32_t a, std::uint32_t b) { return a > b ? a : b; }
    template <class P, class R>
    static constexpr std::uint32_t wire = larger(wire_bytes<P>, wire_bytes<R>);  // NOLINT(*-dynamic-static-initializers)

    template <class P>
    static void put(std::uint64_t control, const P& params) {
        if constexpr (wire_bytes<P> != 0)
            __builtin_memcpy(reinterpret_cast<void*>(control + abi::parameter_base), &params, sizeof(P));
    }
    template <class P>
    static std::uint32_t put_list(std::uint64_t control, std::span<const abi::DataListEntry> entries, const P& params) {
        auto* list = reinterpret_cast<abi::DataList*>(control + abi::parameter_base);
        list->count = static_cast<std::uint32_t>(entries.size());
        for (std::size_t i = 0; i < entries.size(); ++i) list->entries[i] = entries[i];
        const std::size_t head = sizeof(abi::DataList) + entries.size_bytes();
        if constexpr (wire_bytes<P> != 0) __builtin_memcpy(reinterpret_cast<std::byte*>(list) + head, &params, sizeof(P));
        return static_cast<std::uint32_t>(head + wire_bytes<P>);
    }

    template <class R>
    Result<Answer<R>> finish(const sys::Raw& r, std::uint64_t control, std::uint16_t op) {
        if (r.error != Error::none) [[unlikely]]
            return Failure(failed(*this, r.error, r.rdi, op));
        // Made where the caller wants it: large results are copied once.
        return Result<Answer<R>>{std::in_place, *reinterpret_cast<const R*>(control + abi::parameter_base),
                                 static_cast<std::int64_t>(r.rdx), r.rsi};
    }

    // The data ICA of an answer that is not the one sent: another, or the one that a refused request left here, or none.
    static Ica came_back(const sys::Raw& r, std::uint64_t sent);
    // By value, and so in registers: the answer of a call that does not fail is never written to memory.
    static Error failed(Client& client, Error error, std::uint64_t rdi, std::uint16_t op);
    Result<std::uint64_t> sent(const sys::Raw& r, std::uint64_t control, std::uint16_t op);
    Result<std::uint32_t> find(const char* function);

    const char* slot_;
    std::array<std::uint32_t, 64> ids_{};
};

}  // namespace ant
