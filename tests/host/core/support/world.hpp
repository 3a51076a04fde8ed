// A running system for one test: the core on the model, some processes, and the means to act as any of them.
#pragma once

#include "../model/hardware.hpp"
#include "elf_builder.hpp"

#include <kernel/core/areas.hpp>
#include <kernel/core/audit.hpp>
#include <kernel/core/calls.hpp>
#include <kernel/core/controls.hpp>
#include <kernel/core/guardian.hpp>
#include <kernel/core/history.hpp>
#include <kernel/core/images.hpp>
#include <kernel/core/interrupt_lines.hpp>
#include <kernel/core/lifecycle.hpp>
#include <kernel/core/replacement.hpp>
#include <kernel/core/scheduler.hpp>
#include <kernel/core/server_table.hpp>
#include <kernel/syscall/syscalls.hpp>

#include <functional>
#include <string>
#include <vector>

namespace ant::test {

using namespace ant::core;
using abi::DataMode;
using abi::Syscall;

inline constexpr u64 no_limit = 0;

// What a system call left in the registers.
struct Outcome {
    bool blocked = false;  // it waits; the rest comes later
    Error error = Error::none;
    u64 rdx = 0, rsi = 0, rdi = 0, r8 = 0, r9 = 0;

    [[nodiscard]] bool ok() const { return !blocked && error == Error::none; }
    [[nodiscard]] abi::Receipt receipt() const { return static_cast<abi::Receipt>(rsi & 0xff); }
    [[nodiscard]] bool is(abi::Receipt kind) const { return ok() && receipt() == kind; }
    [[nodiscard]] u32 op() const { return rsi >> 8 & 0xff; }
    [[nodiscard]] Error result_error() const { return static_cast<Error>(rsi >> 8 & 0xff); }
    [[nodiscard]] bool relayed() const { return (rsi >> 16 & 1) != 0; }
    [[nodiscard]] u32 result_function() const { return static_cast<u32>(rsi >> 32); }
};
Outcome outcome_of(const Process& process);

struct Plan {
    unsigned priority = abi::priority::application;
    std::vector<const char*> callees = {"*"};
    u32 privileges = ~u32{0};
    u32 quota_pages = 4096, quota_calls = 64;
    u32 user_id = 0;
    u32 device = abi::no_device;
    u8 irq = abi::no_irq;
    u32 version = 1;
    u32 deadline_us = 0;
    u32 flags = 0;
};

// The parameters of a call: their place in the control ICA.
inline constexpr u64 parameters_at(u64 bytes = 0, u64 offset = abi::parameter_base) { return offset | bytes << 32; }
inline constexpr u64 mode_flags(DataMode mode) { return static_cast<u64>(mode) << 32; }

class World {
public:
    // Areas lie below the border.
    explicit World(std::size_t pages = 3072, Pfn border = PagePool::four_gib);
    // Ends everything, and checks that all pages are free again.
    ~World() noexcept(false);
    World(const World&) = delete;

    // Processes. They run when the scheduler says so.
    Process& start(const char* name, const Plan& plan = {});
    Result<Process*> try_start(const char* name, const Plan& plan = {});
    void kill(Process& process);
    void end(Slot& slot);  // for good
    // As if the asker had asked by a system call, whoever runs.
    Result<u32> replace_from_outside(Process& asker, const char* name, bool as_paper, u32 timeout_us);
    void finish_endings();  // ends of processes go in steps, when nothing else runs
    [[nodiscard]] Process* running() const { return arch::cpu().current; }

    // Makes it the running process: the others let it run, even more important ones.
    void run(Process& process);
    // A system call as this process. Steps of one that goes in steps follow each other at once.
    Outcome call(Process& process, Syscall number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0);
    // Does it execute its system call once more? Goes on with it.
    [[nodiscard]] static bool repeats(const Process& process);
    Outcome go_on(Process& process);
    // The same for the running process, whoever else gets the CPU then; no turns are given up before or after.
    void raw_call(Syscall number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0);

    u64 control(Process& process);
    u64 area(Process& process, u64 pages = 1);
    u32 function(Process& process, const char* name, u32 op = 0);
    Outcome request(Process& p, u32 function, u64 control, u64 mode = 0, u64 data = 0, u64 timeout = no_limit);
    Outcome request_async(Process& p, u32 function, u64 control, u64 mode = 0, u64 data = 0, u64 timeout = no_limit);
    Outcome receive(Process& p, u64 timeout = abi::poll) { return call(p, Syscall::receive, timeout); }
    Outcome wait_for_work(Process& p) { return receive(p, no_limit); }
    Outcome reply(Process& p, u64 control, u64 value = 0, u64 data_mode = 0, Error error = Error::none, bool list = false);
    Outcome forward(Process& p, u32 function, u64 control, u64 flags = 0, u64 data = 0);

    u32 image(const ElfFile& file = plain_elf());
    [[nodiscard]] abi::ReplaceRequest replace_request(const char* name, bool as_paper = false, u32 timeout_us = 0,
                                                      u32 version = 2) const;
    Result<u32> ask(Process& asker, const abi::ReplaceRequest& request);
    Result<u32> try_replace(Process& asker, const char* name, bool as_paper = false, u32 timeout_us = 0, u32 version = 2);
    u32 replace(Process& asker, const char* name, bool as_paper = false, u32 timeout_us = 0);
    // A new process for a vacant slot, up to its registration.
    Process& revive(Process& asker, const char* name, u64 flags = 0);
    [[nodiscard]] Process& fresh(const char* name);  // the new process of the replacement under way
    Outcome register_server(Process& p, u64 formats = ~u64{0}) { return call(p, Syscall::server_register, formats); }
    Outcome hand_over(Process& p) { return call(p, Syscall::hand_over); }
    Result<abi::ReplaceResult> result(Process& asker);

    // Memory as the process sees it.
    u64 put(Process& p, const void* bytes, std::size_t n, std::size_t offset = 0);  // on its stack page
    u64 put_name(Process& p, const char* name);
    [[nodiscard]] bool reads(const Process& p, u64 address) const { return p.space.translate(address, false) != 0; }
    [[nodiscard]] bool writes(const Process& p, u64 address) const { return p.space.translate(address, true) != 0; }
    u64& word(Process& p, u64 address);
    abi::ControlIca& page(u64 control) {
        const u32 index = static_cast<u32>((control - control_base) >> page_shift);
        return *static_cast<abi::ControlIca*>(machine::page(model::hardware().control_pages.at(index)));
    }

    // Time, and interrupts.
    bool advance(u64 microseconds);  // the timer interrupts if it is armed for a time until then: true
    void interrupt(u8 irq);
    void quantum_ends();
    [[nodiscard]] bool idle() const { return arch::cpu().current == nullptr; }
    std::function<void()> after_entry;  // the core has been entered and left

    // Fails the test if the audit, the model or the count of pages disagrees.
    void check();
    // Only what costs little.
    void check_cheap();
    [[nodiscard]] std::size_t free_pages() const { return pool.free_pages(); }
    [[nodiscard]] u64 image_users() const;
    // Every page by its kind, against what the model's tables hold. -> number of pages unaccounted for
    [[nodiscard]] std::string pages_lost() const;

private:
    using Lowered = std::vector<std::pair<Process*, u8>>;
    template <class F>
    void enter(F f);
    void give_way(Lowered& lowered, u8 priority);
    static void restore(const Lowered& lowered);
    u32 image_number(u32 index) const;
    void end_everything();

    std::vector<PageInfo> descriptors_;
    std::size_t free_at_start_ = 0;
    Image* image_ = nullptr;
};

}  // namespace ant::test
