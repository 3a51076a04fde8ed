// Launcher: makes processes out of programs, with the rights that boot.conf and manifest agree on.
#pragma once

#include "boot_config.hpp"
#include "listing.hpp"
#include "programs.hpp"
#include "rights.hpp"

namespace ant::guardian_server {

// A PCI function that some program of boot.conf drives.
struct Card {
    std::uint32_t address, id;
};

struct Launch {
    std::string_view program;
    std::string_view as;         // slot; "" = the program's name, with a number if it is taken
    std::string_view arguments;  // strings with a NUL each, without the program's name
    unsigned argument_count = 0;
};

struct Launched {
    sys::Created process;
    Name slot;
};

class Launcher {
public:
    constexpr Launcher(Programs& programs, const BootConfig& config, const Listings& listings)
        : programs_{programs}, config_{config}, listings_{listings} {}

    void command_line(std::string_view text) { command_line_ = CommandLine{text}; }
    [[nodiscard]] const CommandLine& command_line() const { return command_line_; }

    void find_cards();
    // Starts one instance of the rule's program, and of its partner ahead of it, for each card. -> how many
    unsigned start_cards(const Rule& rule);

    Result<Launched> start(const Launch& launch);

private:
    static constexpr unsigned max_cards = 16;
    // Everything about a new process that does not come from its manifest.
    struct Plan {
        Program* program;
        const Rule* rule;
        Instance instance;
        std::uint32_t device = abi::no_device;
        std::string_view arguments{};
        unsigned argument_count = 0;
    };

    Result<Launched> create(const Plan& plan, std::string_view slot);
    Result<Launched> create_numbered(const Plan& plan, std::string_view base);
    Result<Launched> start_driver(Plan plan, std::string_view slot);
    Result<Launched> start_pair(const Rule& rule, Program& program, unsigned instance, const Card& card);
    [[nodiscard]] bool slot_exists(std::string_view slot) const;

    Programs& programs_;
    const BootConfig& config_;
    const Listings& listings_;
    CommandLine command_line_{""};
    std::array<Card, max_cards> cards_{};
    unsigned card_count_ = 0;
};

}  // namespace ant::guardian_server
