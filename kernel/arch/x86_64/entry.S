// Kernel entries and the way out.
//
// A system call saves rip, rflags, rsp, rbp into the running Process (UserContext comes first in it) and calls the
// handler, which returns the process to leave into. An interrupt or exception saves everything. There is one kernel
// stack per CPU: every entry from user mode starts at its top, as nothing on it survives a way out.

// One CPU so far: no register leads to its data.
#define CPU _ZN3ant4arch8boot_cpuE
#define CPU_CURRENT CPU(%rip)
#define CPU_STACK   CPU+8(%rip)
#define CPU_SCRATCH CPU+16(%rip)

#define RIP    0
#define RFLAGS 8
#define RSP    16
#define RBP    24
#define RAX    32
#define RDX    40
#define RSI    48
#define RDI    56
#define R8     64
#define R9     72
#define RBX    80
#define RCX    88
#define R10    96
#define R11    104
#define R12    112
#define R13    120
#define R14    128
#define R15    136
#define FULL   144
#define FOREIGN_ENTRY 168
#define FOREIGN_STACK 176

#define FIRST_CALL 0x1000
#define CALL_COUNT 45
#define ERROR_NOT_SUPPORTED 23
#define LINE_STUBS 48
#define TIMER_VECTOR 0xef
#define SPURIOUS_VECTOR 0xff
#define USER_CODE 0x23
#define USER_DATA 0x1b

// From a system call: what the core keeps of its caller, and onto the core's stack. r15: the process.
.macro SAVE_CALLER
    mov CPU_CURRENT, %r15
    mov %rcx, RIP(%r15)
    mov %r11, RFLAGS(%r15)
    mov %rsp, RSP(%r15)
    mov %rbp, RBP(%r15)
    mov CPU_STACK, %rsp
.endm

    .section .text.entry, "ax"
    .globl syscall_entry
    .align 64
syscall_entry:
    sub $FIRST_CALL, %eax
    cmp syscall_limit(%rip), %eax   // 0 while tracing
    jae unusual_call
    SAVE_CALLER
    mov %r10, %rcx
    call *syscall_handlers(,%rax,8)

leave_kernel:                       // rax: the process
    cmpq $0, FULL(%rax)
    jne leave_full
    mov RIP(%rax), %rcx
    mov RFLAGS(%rax), %r11
    mov RSP(%rax), %rsp
    mov RBP(%rax), %rbp
    mov RDX(%rax), %rdx
    mov RSI(%rax), %rsi
    mov RDI(%rax), %rdi
    mov R8(%rax), %r8
    mov R9(%rax), %r9
    mov RAX(%rax), %rax
    xor %ebx, %ebx                  // nothing of the core leaks
    xor %r10d, %r10d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    sysretq

leave_full:
    mov %rax, %r15
    movq $0, FULL(%r15)
    pushq $USER_DATA
    pushq RSP(%r15)
    pushq RFLAGS(%r15)
    pushq $USER_CODE
    pushq RIP(%r15)
    mov RBP(%r15), %rbp
    mov RAX(%r15), %rax
    mov RDX(%r15), %rdx
    mov RSI(%r15), %rsi
    mov RDI(%r15), %rdi
    mov R8(%r15), %r8
    mov R9(%r15), %r9
    mov RBX(%r15), %rbx
    mov RCX(%r15), %rcx
    mov R10(%r15), %r10
    mov R11(%r15), %r11
    mov R12(%r15), %r12
    mov R13(%r15), %r13
    mov R14(%r15), %r14
    mov R15(%r15), %r15
    iretq

unusual_call:
    cmp $CALL_COUNT, %eax
    jae foreign_call
// The same as above, with a record before and after.
    SAVE_CALLER
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %r10
    pushq %r8
    pushq %rax
    mov %rsi, %rdx
    mov %rdi, %rsi
    mov %rax, %rdi
    call trace_call
    popq %rax
    popq %r8
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    call *returning_handlers(,%rax,8)
    pushq %rax
    mov %rax, %rdi
    sub $8, %rsp
    call trace_leave
    add $8, %rsp
    popq %rax
    jmp leave_kernel

// A system call of another system: back to the same process, to the handler that it named, with the return address in
// r11 and the old stack pointer in rcx; by IRETQ, as SYSRET needs these two.
foreign_call:
    add $FIRST_CALL, %eax
    mov %rsp, CPU_SCRATCH
    mov CPU_STACK, %rsp
    pushq $USER_DATA
    pushq %rax                      // place of rsp
    pushq %r11                      // rflags
    pushq $USER_CODE
    pushq %rcx                      // place of rip
    mov %rcx, %r11
    mov CPU_CURRENT, %rcx
    pushq %rax
    mov FOREIGN_ENTRY(%rcx), %rax
    test %rax, %rax
    jz no_foreign_handler
    mov %rax, 8(%rsp)
    mov FOREIGN_STACK(%rcx), %rax
    mov %rax, 32(%rsp)
    popq %rax
    mov CPU_SCRATCH, %rcx
    iretq
no_foreign_handler:
    mov $ERROR_NOT_SUPPORTED, %eax
    mov %r11, %rcx
    mov 24(%rsp), %r11
    mov CPU_SCRATCH, %rsp
    sysretq

// Goes to user mode for the first time. rdi: the process.
    .globl enter_first_process
enter_first_process:
    mov %rdi, %rax
    jmp leave_kernel

// Interrupts and exceptions ---------------------------------------------------------------------------
// Stack here: vector, error code, rip, cs, rflags, rsp, ss.
interrupt_common:
    testb $3, 24(%rsp)
    jz interrupt_in_kernel
    pushq %r15
    mov CPU_CURRENT, %r15
    mov %rax, RAX(%r15)
    mov %rdx, RDX(%r15)
    mov %rsi, RSI(%r15)
    mov %rdi, RDI(%r15)
    mov %r8, R8(%r15)
    mov %r9, R9(%r15)
    mov %rbx, RBX(%r15)
    mov %rcx, RCX(%r15)
    mov %rbp, RBP(%r15)
    mov %r10, R10(%r15)
    mov %r11, R11(%r15)
    mov %r12, R12(%r15)
    mov %r13, R13(%r15)
    mov %r14, R14(%r15)
    popq %rax
    mov %rax, R15(%r15)
    popq %rdi                       // vector
    popq %rsi                       // error code
    popq RIP(%r15)
    add $8, %rsp
    popq RFLAGS(%r15)
    popq RSP(%r15)
    movq $1, FULL(%r15)
    mov CPU_STACK, %rsp
    cld
    call interrupt_from_user
    jmp leave_kernel

.macro push_all
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm
.macro pop_all
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
.endm

// While the core idles or lets interrupts in; or a fault of the core itself.
interrupt_in_kernel:
    push_all
    mov %rsp, %rdi
    mov %rsp, %rbp
    and $-16, %rsp
    cld
    call interrupt_from_kernel
    mov %rbp, %rsp
    pop_all
    add $16, %rsp
    iretq

// NMI, double fault, machine check may come between SYSCALL and the change of stacks: on stacks of their own. So may a debug
// exception, which goes the common way from there.
interrupt_on_own_stack:
    push_all
    mov %rsp, %rdi
    mov %rsp, %rbp
    and $-16, %rsp
    cld
    call interrupt_at_any_time
    mov %rbp, %rsp
    pop_all
    add $16, %rsp
    iretq

    .altmacro
.macro stub number
    .align 16
    .if \number == 8 || \number == 10 || \number == 11 || \number == 12 || \number == 13 || \number == 14 || \number == 17 || \number == 21 || \number == 29 || \number == 30
    .else
    pushq $0
    .endif
    pushq $\number
    .if \number == 2 || \number == 8 || \number == 18
    jmp interrupt_on_own_stack
    .else
    jmp interrupt_common
    .endif
.endm

    // One every 16 bytes: exceptions and interrupt lines; the local APIC's timer; anything else, which is spurious.
    .globl interrupt_stubs, timer_stub, spurious_stub
    .align 16
interrupt_stubs:
    .set i, 0
    .rept LINE_STUBS
    stub %i
    .set i, i + 1
    .endr
timer_stub:
    stub TIMER_VECTOR
spurious_stub:
    stub SPURIOUS_VECTOR

    .section .note.GNU-stack, "", @progbits
