#include "features.hpp"

#include <cstdint>
#include <cstring>

namespace ant::arch {

namespace {

struct Leaf {
    std::uint32_t eax, ebx, ecx, edx;
};

Leaf cpuid(std::uint32_t leaf, std::uint32_t sub_leaf = 0) {
    Leaf out;
    asm volatile("cpuid" : "=a"(out.eax), "=b"(out.ebx), "=c"(out.ecx), "=d"(out.edx) : "a"(leaf), "c"(sub_leaf));
    return out;
}

bool bit(std::uint32_t word, unsigned number) { return (word >> number & 1) != 0; }

// Leaf 0x15: crystal times ratio; leaf 0x16: nominal MHz.
unsigned frequency_hint(std::uint32_t highest) {
    if (highest >= 0x15) {
        const Leaf ratio = cpuid(0x15);
        if (ratio.eax != 0 && ratio.ebx != 0 && ratio.ecx != 0)
            return static_cast<unsigned>(std::uint64_t{ratio.ecx} * ratio.ebx / ratio.eax / 1000);
    }
    if (highest >= 0x16) return (cpuid(0x16).eax & 0xffff) * 1000;
    return 0;
}

constinit Features detected;

}  // namespace

const Features& features() { return detected; }

void detect_features() {
    const Leaf base = cpuid(0);
    std::memcpy(detected.vendor, &base.ebx, 4);
    std::memcpy(detected.vendor + 4, &base.edx, 4);
    std::memcpy(detected.vendor + 8, &base.ecx, 4);

    const Leaf standard = cpuid(1);
    detected.apic = bit(standard.edx, 9);
    detected.pge = bit(standard.edx, 13);
    detected.pcid = bit(standard.ecx, 17);
    detected.hypervisor = bit(standard.ecx, 31);

    if (base.eax >= 7) {
        const Leaf structured = cpuid(7);
        detected.fsgsbase = bit(structured.ebx, 0);
        detected.smep = bit(structured.ebx, 7);
        detected.smap = bit(structured.ebx, 20);
        detected.umip = bit(structured.ecx, 2);
    }

    const std::uint32_t highest_extended = cpuid(0x8000'0000).eax;
    const Leaf extended = cpuid(0x8000'0001);  // there: the boot code has asked it for long mode
    detected.nx = bit(extended.edx, 20);
    detected.large_1g = bit(extended.edx, 26);
    if (highest_extended >= 0x8000'0007) detected.invariant_tsc = bit(cpuid(0x8000'0007).edx, 8);
    if (highest_extended >= 0x8000'0008) detected.physical_bits = cpuid(0x8000'0008).eax & 0xff;
    detected.tsc_khz_hint = frequency_hint(base.eax);
}

}  // namespace ant::arch
