#include "symbols.hpp"

#include <ant/abi/symbol_table.hpp>

extern "C" {
extern const std::uint8_t kernel_text_start[];
extern const std::uint8_t kernel_text_end[];
}

namespace ant::arch {

namespace {
constinit abi::Symbols symbols;
}

void set_symbols(std::span<const std::byte> file) { symbols = abi::Symbols{file}; }

bool in_kernel_text(std::uint64_t address) {
    return address >= reinterpret_cast<std::uint64_t>(kernel_text_start) &&
           address < reinterpret_cast<std::uint64_t>(kernel_text_end);
}

std::string_view symbol_at(std::uint64_t address, std::uint64_t& offset) {
    const auto place = symbols.find("kernel", address);
    if (!place) return {};
    offset = place->offset;
    return place->function;
}

}  // namespace ant::arch
