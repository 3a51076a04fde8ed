// Entry from a multiboot2 loader: 32-bit protected mode, paging off. Brings the CPU into long mode on
// early page tables (identity for 4 GiB, the image at -2 GiB) and enters `kernel_start`.

#define KERNEL_BASE 0xffffffff80000000
#define LOW(symbol) (symbol - KERNEL_BASE)

#define CR0_PE (1 << 0)
#define CR0_MP (1 << 1)
#define CR0_TS (1 << 3)
#define CR0_NE (1 << 5)
#define CR0_WP (1 << 16)
#define CR0_PG (1 << 31)
#define CR4_PAE (1 << 5)
#define MSR_EFER 0xc0000080
#define EFER_SCE (1 << 0)
#define EFER_LME (1 << 8)
#define EFER_NXE (1 << 11)
#define CPUID_NX (1 << 20)
#define CPUID_LONG_MODE (1 << 29)

    .section .multiboot, "a"
    .balign 8
header:
    .long 0xe85250d6, 0, header_end - header
    .long -(0xe85250d6 + 0 + (header_end - header))
    .balign 8
    .short 6, 0                 // modules on page borders
    .long 8
    .balign 8
    .short 0, 0
    .long 8
header_end:

    .section .text.boot, "ax"
    .code32
    .global boot_entry
boot_entry:
    cli
    cld
    mov %eax, %esi
    rdtsc
    mov %eax, LOW(entry_tsc)
    mov %edx, LOW(entry_tsc + 4)
    mov $LOW(kernel_stack_top), %esp
    push %ebx                   // boot information
    push %esi                   // magic

    mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb no_long_mode
    mov $0x80000001, %eax
    cpuid
    test $CPUID_LONG_MODE, %edx
    jz no_long_mode
    mov %edx, %ebp

    // Early tables: four page directories of 2 MiB pages, used by both halves.
    mov $LOW(early_directories), %edi
    mov $0x83, %eax             // present, writable, large
    mov $2048, %ecx
1:  mov %eax, (%edi)
    movl $0, 4(%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 1b

    mov $LOW(early_pdpt), %edi
    mov $(LOW(early_directories) + 3), %eax
    mov %eax, (%edi)
    mov %eax, 510 * 8(%edi)     // -2 GiB
    add $0x1000, %eax
    mov %eax, 8(%edi)
    add $0x1000, %eax
    mov %eax, 16(%edi)
    add $0x1000, %eax
    mov %eax, 24(%edi)
    mov $LOW(early_pml4), %edi
    movl $(LOW(early_pdpt) + 3), (%edi)
    movl $(LOW(early_pdpt) + 3), 511 * 8(%edi)

    mov %cr4, %eax
    or $CR4_PAE, %eax
    mov %eax, %cr4
    mov %edi, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $(EFER_LME | EFER_SCE), %eax
    test $CPUID_NX, %ebp
    jz 2f
    or $EFER_NXE, %eax
2:  wrmsr

    pop %edi                    // magic
    pop %esi                    // boot information
    mov $(CR0_PG | CR0_WP | CR0_NE | CR0_TS | CR0_MP | CR0_PE), %eax
    mov %eax, %cr0
    lgdt LOW(early_gdt_pointer)
    ljmp $8, $LOW(long_mode)

no_long_mode:                   // "AnT needs a 64-bit CPU", white on red, and stop
    mov $LOW(no_long_mode_text), %esi
    mov $0xb8000, %edi
    mov $0x4f, %ah
3:  lodsb
    test %al, %al
    jz 4f
    stosw
    mov $0x3f8, %dx
    out %al, %dx
    jmp 3b
4:  hlt
    jmp 4b

    .code64
long_mode:
    mov $0x10, %eax
    mov %eax, %ss
    mov %eax, %ds
    mov %eax, %es
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov %edi, %edi              // the upper halves are undefined after the switch
    mov %esi, %esi
    mov $kernel_stack_top, %rsp
    xor %ebp, %ebp
    movabs $5f, %rax
    jmp *%rax
5:  call kernel_start
    ud2

    .section .rodata
no_long_mode_text:
    .asciz "AnT needs a 64-bit CPU"
    .balign 8
early_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
early_gdt_pointer:
    .short . - early_gdt - 1
    .long LOW(early_gdt)

    .data
    .balign 8
    .global entry_tsc
entry_tsc:
    .quad 0

    .section .data.stack, "aw"
    .balign 4096
    .global kernel_stack_guard, kernel_stack_bottom, kernel_stack_top
kernel_stack_guard:
    .skip 4096
kernel_stack_bottom:
    .skip 16384 + 1024              // its upper end lies in one page with the core's variables (kernel.ld)
kernel_stack_top:

    // Behind the image: free memory again once the final tables are loaded.
    .section .early_bss, "aw", @nobits
    .balign 4096
early_pml4:
    .skip 4096
early_pdpt:
    .skip 4096
early_directories:
    .skip 4 * 4096

    .section .note.GNU-stack, "", @progbits
