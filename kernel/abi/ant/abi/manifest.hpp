// The manifest that each program carries as an ELF note (name "AnT", type 1). The guardian reads it;
// what a process gets is the intersection of manifest and boot configuration.
#pragma once

#include <ant/abi/syscall.hpp>

#include <cstdint>

namespace ant::abi {

inline constexpr std::uint32_t manifest_note_type = 1;

struct Manifest {
    std::uint32_t abi_version = 1;
    std::uint32_t version = 1;  // of the program
    char name[name_bytes] = {};
    std::uint32_t priority = priority::application;
    std::uint32_t flags = 0;  // process_flag
    std::uint32_t privileges = 0;
    std::uint32_t state_writes = 0;  // state format that it writes
    std::uint64_t state_reads = 1;   // mask of state formats that it reads (bit 0: no state at all)
    std::uint32_t pci_id = 0;        // device << 16 | vendor; 0 = none
    std::uint32_t deadline_us = 0;   // longest time between two receives; 0 = none declared
    std::uint32_t quota_pages = 4096;
    std::uint32_t quota_calls = 64;
    PortRange ports[4] = {};
    std::uint8_t irq[2] = {no_irq, no_irq};
    std::uint16_t restart = 0;  // 1: restarted when it fails, with its clients' calls, if boot.conf says so too
    char callees[160] = {};     // slot names it calls, separated by spaces; "*" = all
    // Instead of pci_id, devices of any maker: class << 16 | subclass << 8 | interface, and the bits of it that count. 0 = none
    std::uint32_t pci_class = 0;
    std::uint32_t pci_class_mask = 0xff'ffff;
};

struct ManifestNote {
    std::uint32_t name_size = 4, descriptor_size = sizeof(Manifest), type = manifest_note_type;
    char note_name[4] = {'A', 'n', 'T', 0};
    Manifest manifest;
};

}  // namespace ant::abi

// One per program, at namespace scope: ANT_MANIFEST(.version = 2, .name = "inet", ...).
#define ANT_MANIFEST(...)                                                                  \
    extern const ::ant::abi::ManifestNote ant_manifest;                                    \
    [[gnu::section(".note.ant"), gnu::used]] const ::ant::abi::ManifestNote ant_manifest { \
        .manifest = { __VA_ARGS__ }                                                        \
    }
