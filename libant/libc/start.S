# Start of a C program, and the way into the answers to its Linux system calls.
    .section .text.start, "ax", @progbits

# rdi = address of abi::StartupInfo, rsp = top of the stack.
    .globl _start
    .type _start, @function
_start:
    xorl %ebp, %ebp
    andq $-16, %rsp
    call ant_c_start
    ud2
    .size _start, . - _start

# The inner core comes here when the program executes SYSCALL with a Linux number: rax = number, arguments
# in rdi rsi rdx r10 r8 r9, r11 = return address, rcx = the program's rsp, rsp = our own stack.
# Linux keeps everything but rax, rcx and r11. The C++ code keeps rbx, rbp and r12-r15 and does not touch
# FPU or SSE state; the rest is saved here.
    .globl ant_foreign_entry
    .type ant_foreign_entry, @function
ant_foreign_entry:
    pushq %rcx
    pushq %r11
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %r10
    pushq %r8
    pushq %r9
    pushq %r9               # twice: keeps the stack aligned
    pushq %r9               # seventh argument
    movq %r8, %r9
    movq %r10, %r8
    movq %rdx, %rcx
    movq %rsi, %rdx
    movq %rdi, %rsi
    movq %rax, %rdi
    call ant_foreign_call
    addq $16, %rsp
    popq %r9
    popq %r8
    popq %r10
    popq %rdx
    popq %rsi
    popq %rdi
    popq %r11
    popq %rcx
    movq %rcx, %rsp
    jmp *%r11
    .size ant_foreign_entry, . - ant_foreign_entry

    .section .note.GNU-stack, "", @progbits
