// Copying between the core and a process's memory. A user pointer is only an argument to these.
#pragma once

#include "objects.hpp"

#include <span>

namespace ant::core {

Result<> copy_in(const Process& process, u64 address, std::span<std::byte> to);
Result<> copy_out(const Process& process, u64 address, std::span<const std::byte> from);

template <class T>
Result<> read_object(const Process& process, u64 address, T& value) {
    return copy_in(process, address, std::as_writable_bytes(std::span{&value, 1}));
}
template <class T>
Result<> write_object(const Process& process, u64 address, const T& value) {
    return copy_out(process, address, std::as_bytes(std::span{&value, 1}));
}
// A string that ends within name_bytes.
Result<> read_name(const Process& process, u64 address, char (&name)[abi::name_bytes]);

}  // namespace ant::core
