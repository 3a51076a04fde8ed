#include "user_memory.hpp"

#include <cstring>

namespace ant::core {

namespace {

// Calls `piece(pointer, offset, bytes)` for each part of the range that lies in one page.
template <class F>
Result<> each_page(const Process& process, u64 address, std::size_t bytes, bool write, F piece) {
    for (std::size_t done = 0; done < bytes;) {
        const u64 at = address + done;
        const u64 physical = at < address ? 0 : process.space.translate(at, write);
        if (physical == 0) return Failure(Error::bad_address);
        const std::size_t in_page = page_size - (at & (page_size - 1));
        const std::size_t n = bytes - done < in_page ? bytes - done : in_page;
        piece(static_cast<std::byte*>(machine::page(static_cast<Pfn>(physical >> page_shift))) + (physical & (page_size - 1)),
              done, n);
        done += n;
    }
    return {};
}

}  // namespace

Result<> copy_in(const Process& process, u64 address, std::span<std::byte> to) {
    return each_page(process, address, to.size(), false,
                     [to](std::byte* p, std::size_t at, std::size_t n) { std::memcpy(to.data() + at, p, n); });
}

Result<> copy_out(const Process& process, u64 address, std::span<const std::byte> from) {
    return each_page(process, address, from.size(), true,
                     [from](std::byte* p, std::size_t at, std::size_t n) { std::memcpy(p, from.data() + at, n); });
}

Result<> read_name(const Process& process, u64 address, char (&name)[abi::name_bytes]) {
    std::memset(name, 0, sizeof name);
    for (unsigned i = 0; i < abi::name_bytes; ++i) {  // byte by byte: what follows the name may not be mapped
        ANT_TRY(copy_in(process, address + i, {reinterpret_cast<std::byte*>(name) + i, 1}));
        if (name[i] == 0) return {};
    }
    return Failure(Error::invalid_argument);
}

}  // namespace ant::core
