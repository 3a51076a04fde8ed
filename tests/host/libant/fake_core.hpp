// FakeCore: plays the inner core for libant on the host. A test scripts what each system call gives.
#pragma once

#include <ant/syscalls.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace fake {

using ant::Error;
using ant::abi::Syscall;
using ant::sys::Raw;
using u64 = std::uint64_t;

struct Call {
    Syscall number;
    u64 a, b, c, d, e;
};

// Thrown out of a system call that never comes back.
struct Ended {
    u64 status;
};

class Core {
public:
    static Core& get();
    // Forgets everything; default answers from now on.
    void reset();

    Raw handle(const Call& call);
    // Overrides the answer to one system call.
    std::function<Raw(const Call&)> on[0x100];
    std::vector<Call> calls;
    // Those of one number only.
    [[nodiscard]] std::vector<Call> of(Syscall number) const;
    std::string log;

    // Control and data ICAs are ordinary memory here.
    u64 reserve(std::size_t pages);
    std::map<std::string, std::pair<unsigned, bool>> functions;  // name -> identifier, provided
    unsigned areas = 0;                                          // reserved and not released
    ant::abi::StartupInfo info{};

private:
    Raw standard(const Call& call);
    std::map<u64, std::vector<std::byte>> memory_;
};

inline std::function<Raw(const Call&)>& on(Syscall number) {
    return Core::get().on[static_cast<unsigned>(number) - static_cast<unsigned>(Syscall::first)];
}
inline Raw failed(Error error) { return {error, 0, 0, 0, 0, 0}; }

}  // namespace fake
