// Replacements under way. A request may name several servers: they are one transaction of the core.
//
// What was asked for and what has come of it lies in the journal, so that the next guardian can go on with it.
#pragma once

#include "recovery.hpp"

#include <ant/interface/guardian.hpp>
#include <ant/server.hpp>

namespace ant::guardian_server {

class Replacements {
public:
    constexpr Replacements(State& state, Programs& programs, Recovery& recovery, const Listings& listings)
        : state_{state}, programs_{programs}, recovery_{recovery}, listings_{listings} {}

    // Answered when all of its replacements have ended. `read_ns`: what it took to read the programs, which counts.
    Outcome begin(Call call, std::uint64_t read_ns);
    // An earlier guardian has begun with it.
    [[nodiscard]] bool is_known(Call call) const { return record_of(call).has_value(); }
    // The programs that it wants, by name or path. -> how many
    unsigned programs_of(Call call, std::span<Name, guardian::max_replace> names);
    [[nodiscard]] bool under_way() const;
    // After event::replacement: takes the results.
    void collect();
    // In a guardian that takes over: finds out how far the one before had come.
    void restore();

private:
    static constexpr std::uint32_t default_timeout_us = 2'000'000;

    [[nodiscard]] std::optional<unsigned> record_of(Call call) const;
    [[nodiscard]] bool prepare(Operation& operation);
    [[nodiscard]] Error startable(std::string_view program);
    static std::string_view wanted_program(const Operation& operation, unsigned index);
    void ask(unsigned index, unsigned member);
    [[nodiscard]] Result<> request(const Operation& operation, unsigned member, std::uint32_t transaction);
    void take(const abi::ReplaceResult& result);
    void ended(Operation& operation, unsigned member, const abi::ReplaceResult& result);
    void read_history(const OperationRecord& record, Operation& operation);
    static bool complete(const Operation& operation);
    void answer_if_complete(unsigned index);
    [[nodiscard]] std::optional<unsigned> take_record();

    State& state_;
    Programs& programs_;
    Recovery& recovery_;
    const Listings& listings_;
    std::array<std::uint64_t, max_operations> waiting_{};  // control ICA of the call, by record; 0: not delivered again yet
};

}  // namespace ant::guardian_server
