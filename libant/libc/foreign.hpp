// Answers the Linux system calls of a program on musl's C library: what all parts of the layer share.
//
// The constants and structures are Linux's own, from its interface headers (<linux/...>, <asm/...>).
#pragma once

#include <ant/abi/result.hpp>

#include <asm/errno.h>

#include <cstddef>
#include <cstdint>

namespace ant::foreign {

// What a Linux system call gives: a value, or minus an errno.
using Answer = long;

// Arguments of a call, as they were in rdi, rsi, rdx, r10, r8, r9.
struct Arguments {
    long a, b, c, d, e, f;

    [[nodiscard]] int descriptor() const { return static_cast<int>(a); }
};

// An argument that is an address in the program's own memory: a wrong one is the program's own fault.
template <class T>
T* pointer(long argument) {
    return reinterpret_cast<T*>(argument);
}

Answer failure(Error error);
// Of a call of the file server.
Answer file_failure(Error error);

template <class T>
Answer answer(const Result<T>& result) {
    if (!result) return failure(result.error());
    if constexpr (std::is_void_v<T>)
        return 0;
    else
        return static_cast<Answer>(*result);
}

// The one entry: number and arguments of a call -> what it gives. Runs on the handler's stack.
Answer dispatch(long number, const Arguments& arguments);

}  // namespace ant::foreign
