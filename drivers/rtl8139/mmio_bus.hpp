// The registers of the card itself: BAR 1, mapped uncached into this process. No system call per access.
#pragma once

#include "registers.hpp"

namespace rtl8139 {

class MmioBus {
public:
    static constexpr std::uint64_t address = 0x1000'0000;
    static constexpr unsigned bar = 1;

    template <class T>
    [[nodiscard]] T read(Reg<T> r) const {
        return *reinterpret_cast<const volatile T*>(address + r.offset);
    }
    template <class T>
    void write(Reg<T> r, T value) const {
        *reinterpret_cast<volatile T*>(address + r.offset) = value;
    }
};

}  // namespace rtl8139
