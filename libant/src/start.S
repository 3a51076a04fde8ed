# First instruction of a program: rdi = address of abi::StartupInfo, rsp = top of the stack.
    .section .text.start, "ax", @progbits
    .globl _start
    .type _start, @function
_start:
    xorl %ebp, %ebp
    andq $-16, %rsp
    call ant_start
    ud2
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
