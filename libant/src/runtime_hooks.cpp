// What g++'s code and libstdc++'s headers call in a program without libstdc++ and without exceptions.
#include <ant/process.hpp>

#include <cstddef>
#include <new>

namespace std {

void __throw_bad_alloc() { ant::panic("out of memory (bad_alloc)"); }
void __throw_bad_array_new_length() { ant::panic("bad array length"); }
void __throw_bad_cast() { ant::panic("bad cast"); }
void __throw_bad_function_call() { ant::panic("call of an empty function"); }
void __throw_bad_optional_access() { ant::panic("value() of an empty optional"); }
void __throw_bad_variant_access(const char* what) { ant::panic("variant: %s", what); }
void __throw_invalid_argument(const char* what) { ant::panic("invalid argument: %s", what); }
void __throw_length_error(const char* what) { ant::panic("length error: %s", what); }
void __throw_logic_error(const char* what) { ant::panic("logic error: %s", what); }
void __throw_out_of_range(const char* what) { ant::panic("out of range: %s", what); }
void __throw_out_of_range_fmt(const char* what, ...) { ant::panic("out of range: %s", what); }
void __throw_overflow_error(const char* what) { ant::panic("overflow: %s", what); }
void __throw_runtime_error(const char* what) { ant::panic("runtime error: %s", what); }
void __throw_system_error(int number) { ant::panic("system error %d", number); }

[[noreturn]] void __glibcxx_assert_fail(const char* file, int line, const char* function, const char* condition) {
    ant::panic("%s:%d: %s: assertion '%s' failed", file, line, function, condition);
}
void terminate() noexcept { ant::panic("terminate"); }

}  // namespace std

extern "C" {

[[noreturn]] void __cxa_pure_virtual() { ant::panic("pure virtual function called"); }

// Guards of static locals. A process has one thread, so that the first byte (set: constructed) is enough.
int __cxa_guard_acquire(char* guard) { return *guard == 0; }
void __cxa_guard_release(char* guard) { *guard = 1; }
void __cxa_guard_abort(char*) {}

}  // extern "C"

// Virtual destructors refer to operator delete; servers have no heap, so that nobody may reach it.
void operator delete(void*) noexcept { ant::panic("operator delete called"); }
void operator delete(void*, std::size_t) noexcept { ant::panic("operator delete called"); }
void operator delete(void*, std::align_val_t) noexcept { ant::panic("operator delete called"); }
void operator delete(void*, std::size_t, std::align_val_t) noexcept { ant::panic("operator delete called"); }
void operator delete[](void*) noexcept { ant::panic("operator delete[] called"); }
void operator delete[](void*, std::size_t) noexcept { ant::panic("operator delete[] called"); }
