// Calls of `start` that are answered when the process they started has ended.
#pragma once

#include "launcher.hpp"
#include "listing.hpp"

#include <array>

namespace ant::guardian_server {

class Waiters {
public:
    constexpr explicit Waiters(const Listings& listings) : listings_{listings} {}

    // False if the table is full.
    [[nodiscard]] bool add(std::uint64_t control, const Launched& launched);
    // After event::process_ended: answers the calls whose process is gone.
    void processes_ended();

private:
    static constexpr unsigned max_waiters = 64;
    struct Waiter {
        std::uint64_t control = 0;  // 0: free
        Launched launched{};
    };
    [[nodiscard]] bool ended(std::uint32_t pid, std::uint32_t& status, bool& fault) const;

    const Listings& listings_;
    std::array<Waiter, max_waiters> waiters_{};
};

}  // namespace ant::guardian_server
