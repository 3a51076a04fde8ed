// The program that create.c starts: ends at once. BYTES of constants give it its size.
#include <stdint.h>

__attribute__((used)) static const uint8_t constants[BYTES] = {1};

__attribute__((naked, noreturn)) void _start(void) {
    __asm__("mov $60, %eax\n xor %edi, %edi\n syscall");  // exit(0)
}
