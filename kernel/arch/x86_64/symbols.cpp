#include "symbols.hpp"

#include <algorithm>

extern "C" {
extern const std::uint8_t kernel_text_start[];
extern const std::uint8_t kernel_text_end[];

// Written by kernel/symbols.py: sorted offsets from kernel_text_start, and where in the names each one's is.
struct KernelSymbol {
    std::uint32_t text_offset;
    std::uint32_t name_offset;
};
extern const std::uint32_t kernel_symbol_count;
extern const KernelSymbol kernel_symbols[];
extern const char kernel_symbol_names[];
}

namespace ant::arch {

bool in_kernel_text(std::uint64_t address) {
    return address >= reinterpret_cast<std::uint64_t>(kernel_text_start) &&
           address < reinterpret_cast<std::uint64_t>(kernel_text_end);
}

const char* symbol_at(std::uint64_t address, std::uint64_t* offset) {
    if (!in_kernel_text(address)) return nullptr;
    const auto text_offset = static_cast<std::uint32_t>(address - reinterpret_cast<std::uint64_t>(kernel_text_start));
    const KernelSymbol* end = kernel_symbols + kernel_symbol_count;
    const KernelSymbol* behind = std::upper_bound(
        kernel_symbols, end, text_offset, [](std::uint32_t at, const KernelSymbol& symbol) { return at < symbol.text_offset; });
    if (behind == kernel_symbols) return nullptr;
    const KernelSymbol& symbol = behind[-1];
    if (offset != nullptr) *offset = text_offset - symbol.text_offset;
    return kernel_symbol_names + symbol.name_offset;
}

}  // namespace ant::arch
