// Replacements under way. A request may name several servers: they are replaced one after the other, and if one fails,
// those before it get their earlier program back.
#pragma once

#include "launcher.hpp"

#include <ant/interface/guardian.hpp>

#include <array>

namespace ant::guardian_server {

class Replacements {
public:
    constexpr Replacements(Programs& programs, const Listings& listings) : programs_{programs}, listings_{listings} {}

    // Takes over the call; it is answered when all of its replacements have ended.
    Error begin(std::uint64_t control, const guardian::Replace& request);
    // After event::replacement.
    void collect();

private:
    static constexpr unsigned max_operations = 4;
    static constexpr std::uint32_t default_timeout_us = 2'000'000;
    struct Operation {
        std::uint64_t control = 0;  // 0: free
        guardian::Replace request;
        guardian::Replaced replaced;
        std::array<Name, guardian::max_replace> before;  // programs
        unsigned index = 0;                              // the replacement under way
        std::uint32_t ticket = 0;
        bool undoing = false;
    };

    bool check(Operation& operation);
    Error startable(std::string_view slot, std::string_view program_name);
    static std::string_view wanted_program(const Operation& operation, unsigned index);
    void advance(Operation& operation);
    void undo(Operation& operation);
    static void finish(Operation& operation);
    void ended(Operation& operation, const abi::ReplaceResult& result);
    Result<std::uint32_t> start(const Operation& operation, std::string_view slot, std::string_view program);
    [[nodiscard]] Result<Name> program_of(std::string_view slot) const;

    Programs& programs_;
    const Listings& listings_;
    std::array<Operation, max_operations> operations_{};
};

}  // namespace ant::guardian_server
