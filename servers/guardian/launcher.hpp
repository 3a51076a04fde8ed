// Launcher: makes processes out of programs, with the rights that boot.conf and manifest agree on.
#pragma once

#include "boot_config.hpp"
#include "listing.hpp"
#include "programs.hpp"
#include "rights.hpp"

namespace ant::guardian_server {

struct Launch {
    std::string_view program;
    std::string_view as;         // slot; "" = slot_for chooses
    std::string_view arguments;  // strings with a NUL each, without the program's name
    unsigned argument_count = 0;
    std::optional<std::uint32_t> user{};  // otherwise that of the rule, or 0
    std::string_view token{};             // "": none
};

struct Launched {
    sys::Created process;
    Name slot;
};

class Launcher {
public:
    constexpr Launcher(State& state, Programs& programs, const BootConfig& config, const Listings& listings)
        : state_{state}, programs_{programs}, config_{config}, listings_{listings} {}

    void command_line(std::string_view text) { command_line_ = CommandLine{text}; }
    [[nodiscard]] const CommandLine& command_line() const { return command_line_; }

    // At boot: notes the cards in the catalogue.
    void find_cards();
    // Starts one instance of the rule's program, and of its partner ahead of it, for each card; what is there already
    // is let be. -> how many cards
    unsigned start_cards(const Rule& rule);

    // The slot that it gets: the one that is asked for, or the program's name, with a number if it is taken.
    [[nodiscard]] Result<Name> slot_for(const Launch& launch);
    // The user that boot.conf gives to a program.
    [[nodiscard]] std::optional<std::uint32_t> user_of(std::string_view program);
    // `launch.as` says the slot.
    Result<Launched> start(const Launch& launch);

private:
    // Everything about a new process that does not come from its manifest.
    struct Plan {
        Program* program;
        const Rule* rule;
        Instance instance;
        std::uint32_t device = abi::no_device;
        std::string_view arguments{};
        unsigned argument_count = 0;
        std::optional<std::uint32_t> user{};
        std::string_view token{};
    };

    Result<Launched> create(const Plan& plan, std::string_view slot);
    Result<Launched> start_driver(Plan plan, std::string_view slot);
    Result<> start_pair(const Rule& rule, Program& program, const Card& card);
    // Calls `take(card)` for each card that the program drives until it returns true. -> cards seen
    template <class Take>
    unsigned for_each_card(const Program& program, Take take) const;

    State& state_;
    Programs& programs_;
    const BootConfig& config_;
    const Listings& listings_;
    CommandLine command_line_{""};
};

}  // namespace ant::guardian_server
