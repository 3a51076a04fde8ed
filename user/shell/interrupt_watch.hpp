// Results of asynchronous calls, and Ctrl-C while a command is at work.
#pragma once

#include <ant/client.hpp>

#include <optional>

namespace ant::shell {

struct Finished {
    std::uint64_t control;
    Error error;
    std::uint64_t data;  // a data ICA that is now ours, or 0

    template <class R>
    [[nodiscard]] const R& result() const {
        return *reinterpret_cast<const R*>(control + abi::parameter_base);
    }
};

// Waits for a result of Client::send. nothing: none within that time (no_limit, abi::poll).
// `replaced` is called when this shell is to be replaced; without it, it stays.
std::optional<Finished> next_result(std::uint64_t timeout_us, void (*replaced)() = nullptr);
// Of a result that nobody waits for: the shell before this one may have asked for it.
void forget(const Finished& finished);

// While such an object lives, Ctrl-C does not count as input but ends the command. Watches may be nested
// (a command inside `repeat`): they are one watch then, and what has fired stays so until the outermost ends.
class InterruptWatch {
public:
    InterruptWatch();
    ~InterruptWatch();
    InterruptWatch(const InterruptWatch&) = delete;
    InterruptWatch& operator=(const InterruptWatch&) = delete;

    // Of a shell before this one: Ctrl-C counts as input again.
    static void withdraw();
    // Has Ctrl-C been typed? For commands that have no other asynchronous call under way.
    bool fired();
    // For those that have: true if the result was that of the watch.
    bool took(const Finished& finished);
    [[nodiscard]] bool has_fired() const;
};

}  // namespace ant::shell
