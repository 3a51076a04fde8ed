// What the tests see of the model: its clock, its RAM, its complaints.
#pragma once

#include "machine.hpp"

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace ant::model {

using core::Pfn;
using core::u32;
using core::u64;
using core::u8;

// Thrown out of schedule() when no process can run: the tests go on with an interrupt.
struct Idle {};

enum class Rights : u8 { none, read_only, read_write };

struct WindowTables {
    bool alive = false;
    Pfn directory = core::no_page;
    Pfn control_tables = core::no_page;
    std::vector<Pfn> tables;     // per 2 MiB
    std::vector<bool> large;     // per 2 MiB
    std::vector<Rights> leaves;  // per page
    unsigned mapped = 0;         // pages, without control ICAs
};

struct PrivatePage {
    Pfn pfn;
    abi::Protection protection;
    bool device;
};

struct SpaceTables {
    bool alive = false;
    u64 window = 0;  // root, 0 none
    std::unordered_map<u64, PrivatePage> pages;
    std::unordered_map<u64, Pfn> tables;  // by what they translate
};

// A translation that the CPU may still hold although the tables say otherwise.
struct Stale {
    u64 address;
    u64 frame;
    bool writable;
};

class Hardware {
public:
    // All of RAM is new, nothing is mapped; the clock goes on.
    void reset(std::size_t pages);

    u64 clock = 1'000'000;
    u64 armed = ~u64{0};
    bool masked[16];
    std::vector<u32> quiesced, allowed;  // every time; interrupts allowed again
    std::vector<std::string> audit_log;
    std::vector<std::string> damage_log;       // names of programs
    std::vector<core::Pfn> damaged_pages;      // as logged
    std::function<void()> at_open_interrupts;  // the core lets interrupts in
    u64 loaded = 0;                            // CR3
    std::vector<Stale> stale;
    u64 breakpoint = 0;                          // an address, 0: none
    std::unordered_map<u32, Pfn> control_pages;  // by index: those that were ever mapped

    [[nodiscard]] std::byte* ram(Pfn pfn) { return ram_.get() + core::physical_of(pfn); }
    [[nodiscard]] std::size_t pages() const { return pages_; }
    [[nodiscard]] WindowTables& window(u64 root) { return windows_[root >> core::page_shift]; }
    [[nodiscard]] SpaceTables& space(u64 root) { return spaces_[root >> core::page_shift]; }

    // The core did what it must not; the test fails at its next check.
    void complain(std::string what) { complaints_.push_back(std::move(what)); }
    [[nodiscard]] std::string complaints() const;
    // Would the process that is left into use a translation that it lost?
    [[nodiscard]] bool stale_translation();
    // The window that the CPU translates by, 0 none.
    [[nodiscard]] u64 loaded_window();
    void forget_translation(u64 address, u64 frame, bool writable) { stale.push_back({address, frame, writable}); }

private:
    std::unique_ptr<std::byte, void (*)(void*)> ram_{nullptr, &std::free};
    std::size_t pages_ = 0, capacity_ = 0;
    std::vector<WindowTables> windows_;
    std::vector<SpaceTables> spaces_;
    std::vector<std::string> complaints_;
};

Hardware& hardware();

}  // namespace ant::model
