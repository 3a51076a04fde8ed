// Names of the functions of all programs: the file `symbols` of the boot archive, made by tools/antlib/symbol_table.py.
#pragma once

#include <ant/abi/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ant::guardian_server {

struct Place {
    std::string_view function;  // in the table's memory
    std::uint64_t offset;
};

// Everything in the table is checked before it is used: a damaged one finds less, or nonsense, but nothing outside.
class Symbols {
public:
    constexpr Symbols() = default;
    explicit Symbols(std::span<const std::byte> table) : table_{table} {}

    // not_found: no such program, or no function of it is there.
    [[nodiscard]] Result<Place> find(std::string_view program, std::uint64_t address) const;

private:
    struct Functions {
        std::size_t at;
        std::uint32_t count;
    };
    [[nodiscard]] Result<Functions> functions_of(std::string_view program) const;
    [[nodiscard]] std::string_view name_at(std::uint64_t offset) const;

    std::span<const std::byte> table_;
};

}  // namespace ant::guardian_server
