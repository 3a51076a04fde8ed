// System calls as a C program on AnT makes them.
#pragma once

#include <cstddef>
#include <type_traits>

#include "libant/libc/foreign.hpp"

template <class T>
long word(T value) {
    if constexpr (std::is_null_pointer_v<T>)
        return 0;
    else if constexpr (std::is_pointer_v<T>)
        return reinterpret_cast<long>(value);
    else
        return static_cast<long>(value);
}

template <class... A>
long ant_call(long number, A... arguments) {
    long a[6] = {word(arguments)...};
    return ant::foreign::dispatch(number, {a[0], a[1], a[2], a[3], a[4], a[5]});
}
