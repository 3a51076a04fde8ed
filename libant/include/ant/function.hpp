// Function<P, R>: the typed name of an OS function. Interface headers declare one per operation.
#pragma once

#include <ant/abi/control_ica.hpp>
#include <ant/abi/syscall.hpp>

#include <cstdint>
#include <type_traits>

namespace ant {

struct Nothing {};

template <class Params, class Reply = Nothing>
struct Function {
    static_assert(std::is_trivially_copyable_v<Params> && std::is_trivially_copyable_v<Reply>);
    static_assert(sizeof(Params) <= abi::parameter_capacity && sizeof(Reply) <= abi::parameter_capacity);
    const char* name;              // without the slot: "send" of slot "inet" is registered as "inet.send"
    std::uint16_t op;              // stable across versions of the server
    std::uint16_t attributes = 0;  // abi::function_attribute
};

// Attributes that most functions have.
namespace call {
inline constexpr auto again = static_cast<std::uint16_t>(abi::function_attribute::redeliver);  // safe to deliver again
inline constexpr auto waits = static_cast<std::uint16_t>(again | abi::function_attribute::may_wait);
inline constexpr auto data = static_cast<std::uint16_t>(again | abi::function_attribute::takes_data);
}  // namespace call

// Bytes that a parameter structure takes in the control ICA: an empty one takes none.
template <class T>
inline constexpr std::uint32_t wire_bytes = std::is_empty_v<T> ? 0 : sizeof(T);  // NOLINT(*-dynamic-static-initializers)

}  // namespace ant
