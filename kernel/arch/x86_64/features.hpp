// What this CPU can do, asked from CPUID once; every use of an optional feature goes through here.
#pragma once

namespace ant::arch {

struct Features {
    bool nx = false;
    bool smep = false;
    bool smap = false;
    bool umip = false;
    bool apic = false;
    bool pge = false;
    bool fsgsbase = false;
    bool pcid = false;
    bool large_1g = false;
    bool invariant_tsc = false;
    bool hypervisor = false;
    unsigned physical_bits = 36;  // of a physical address
    char vendor[13] = {};
    // Hint of CPUID 0x15 or 0x16 for the time stamp counter, 0 if it gives none.
    unsigned tsc_khz_hint = 0;
};

// Valid from before `kernel_main` on.
const Features& features();
void detect_features();

}  // namespace ant::arch
