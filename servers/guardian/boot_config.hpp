// boot.conf: what is started at boot, and what each program may get. docs/guardian.md has the format.
#pragma once

#include "name.hpp"

#include <ant/abi/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ant::guardian_server {

// Strings one after the other, each with its NUL: how arguments and environment reach a process.
template <std::size_t capacity>
struct Strings {
    char text[capacity] = {};
    std::size_t bytes = 0;
    unsigned count = 0;

    // The string is made of `parts`; false if there is no room: then nothing has changed.
    template <class... Parts>
    [[nodiscard]] bool add(Parts... parts) {
        const std::size_t length = (std::string_view{parts}.size() + ... + 0);
        if (length >= capacity - bytes) return false;
        (append(std::string_view{parts}), ...);
        text[bytes++] = '\0';
        ++count;
        return true;
    }
    [[nodiscard]] std::string_view view() const { return {text, bytes}; }

private:
    void append(std::string_view part) {
        for (const char c : part) text[bytes++] = c;
    }
};

// What boot.conf says about one program.
struct Rule {
    Name program;
    Name as;                                    // slot; empty = the program's name
    bool start = false;                         // at boot
    bool restart = false;                       // when it fails
    bool token = false;                         // gets a secret as TOKEN, which the console shows
    bool for_each_pci = false;                  // one instance for each card of the manifest's PCI id
    Name with;                                  // for_each_pci: the program that is started beside each instance
    Name only_in, not_in;                       // boot modes
    std::optional<std::uint32_t> priority;      // at most
    std::optional<std::uint32_t> deadline_us;   // at most, for programs that declare one
    std::optional<std::uint32_t> probation_us;  // of a new program in the slot
    std::optional<std::uint32_t> user;          // its processes are this user's
    std::uint32_t privileges = 0;
    std::optional<std::uint32_t> quota_pages, quota_calls;  // at most
    std::array<abi::PortRange, 8> ports{};
    std::array<std::uint8_t, 8> irqs{};
    unsigned port_count = 0, irq_count = 0;
    Strings<192> callees;
    Strings<256> environment;

    [[nodiscard]] bool applies_in(std::string_view mode) const {
        return (only_in.empty() || only_in.view() == mode) && (not_in.empty() || not_in.view() != mode);
    }
};

class BootConfig {
public:
    static constexpr unsigned max_rules = 48;

    // `report(line number, why)` hears of each line that makes no sense; it is left out.
    template <class Report>
    void parse(std::string_view text, Report report) {
        for (unsigned number = 1; !text.empty(); ++number) {
            const auto end = text.find('\n');
            const char* why = add_line(text.substr(0, end));
            if (why != nullptr) report(number, why);
            text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        }
    }

    [[nodiscard]] std::span<const Rule> rules() const { return {rules_.data(), count_}; }
    // The rule for a program: its own, that of the program it is a version of, or the default.
    [[nodiscard]] const Rule& rule_for(std::string_view program) const;

private:
    const char* add_line(std::string_view line);

    std::array<Rule, max_rules> rules_{};
    unsigned count_ = 0;
    Rule default_{};
};

// The core's command line: words such as "boot=minimal" and "rtl8139.mode=classic".
class CommandLine {
public:
    constexpr explicit CommandLine(std::string_view text) : text_{text} {}

    // Value of KEY=value, or "".
    [[nodiscard]] std::string_view value(std::string_view key) const;
    // Adds KEY=value for each word "SLOT.key=value" to the environment; for instance 1 of "inet", words for
    // "inet.1" go ahead of those for "inet".
    [[nodiscard]] bool add_environment(std::string_view base, std::string_view slot, Strings<1024>& environment) const;

private:
    std::string_view text_;
};

}  // namespace ant::guardian_server
