// Frames wait while a socket has more datagrams than its reader fetches. Driver and inet go before applications, so a flood would
// leave them no CPU for what is dropped in the end. While calls of the driver wait it takes no frames from the card, which drops
// by itself what is too much: that costs nothing (Mogul and Ramakrishnan, "Eliminating Receive Livelock in an Interrupt-driven
// Kernel", 1996).
#pragma once

#include <cstdint>

namespace ant::inet_server {

class BackPressure {
public:
    static constexpr std::uint64_t longest_ns = 1'000'000;  // then some of the frames go on, for the others that wait for theirs
    static constexpr std::uint64_t look_ns = 10'000'000;
    static constexpr std::uint64_t rest_ns = 100'000'000;

    // More than half of what may wait for a socket is there; no more than a quarter is.
    void crowded(std::uint32_t socket) {
        if (socket_ != 0) return;
        socket_ = socket;
        looked_at_ = busy_ns_ = 0;
    }
    void eased(std::uint32_t socket) {
        if (socket_ != socket) return;
        socket_ = 0;
        holding_ = false;
    }
    [[nodiscard]] bool on() const { return socket_ != 0; }

    // Whether frames wait. If they have waited for long, some go on, and those behind them wait anew. `busy()`: for how many ns
    // processes have run.
    template <class Busy>
    [[nodiscard]] bool holds(std::uint64_t now, Busy busy) {
        if (!on()) return false;
        if (holding_) return holding_ = now < until_;
        if (now >= rests_until_) look(now, busy);
        if (now < rests_until_) return false;
        until_ = now + longest_ns;
        return holding_ = true;
    }
    // When to ask again, if frames wait.
    [[nodiscard]] std::uint64_t until() const { return until_; }

private:
    // Waiting is no help to a reader that does not want the CPU: nothing waits while its socket stays crowded and the CPU is
    // idle.
    template <class Busy>
    void look(std::uint64_t now, Busy busy) {
        const std::uint64_t passed = now - looked_at_;
        if (looked_at_ != 0 && passed < look_ns) return;
        if (looked_at_ != 0) {
            const std::uint64_t busy_ns = busy();
            if (busy_ns_ != 0 && busy_ns - busy_ns_ < passed / 4 * 3) rests_until_ = now + rest_ns;
            busy_ns_ = busy_ns;
        }
        looked_at_ = now;
    }

    std::uint32_t socket_ = 0;
    bool holding_ = false;
    std::uint64_t until_ = 0, rests_until_ = 0, looked_at_ = 0, busy_ns_ = 0;
};

}  // namespace ant::inet_server
