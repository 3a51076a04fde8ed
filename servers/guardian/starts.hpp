// Calls of `start`: each makes its process once, also when the guardian fails in the middle of it, and those that wait
// are answered when the process has ended.
#pragma once

#include "launcher.hpp"

#include <ant/server.hpp>

namespace ant::guardian_server {

class Starts {
public:
    constexpr Starts(State& state, Launcher& launcher, const Listings& listings)
        : state_{state}, launcher_{launcher}, listings_{listings} {}

    Outcome begin(Call call);
    // An earlier guardian has come so far with the call that its program is not needed any more.
    [[nodiscard]] bool is_made(Call call) const;
    // After event::process_ended: answers the calls whose process is gone.
    void processes_ended();

private:
    struct End {
        bool has_ended, fault;
        std::uint32_t status;
    };
    // A call that an earlier guardian has had.
    Outcome resume(unsigned index, Call call);
    [[nodiscard]] std::optional<unsigned> record_of(Call call) const;
    [[nodiscard]] std::optional<std::uint32_t> user_of(const guardian::Start& request, Call call) const;
    [[nodiscard]] bool find_process(StartRecord& record) const;
    Outcome create(unsigned index, StartRecord record, Call call);
    Outcome created(unsigned index, const StartRecord& record, Call call);
    [[nodiscard]] End end_of(unsigned index, const StartRecord& record);
    static Outcome answer(Call call, const StartRecord& record, const End& end);
    [[nodiscard]] std::optional<unsigned> take_record() const;

    State& state_;
    Launcher& launcher_;
    const Listings& listings_;
    std::array<std::uint64_t, max_starts> waiting_{};      // control ICAs of calls to be answered, by record; 0: none
    std::array<std::uint32_t, max_starts> seen_faults_{};  // number of the newest one that has been looked at for such a call
};

}  // namespace ant::guardian_server
