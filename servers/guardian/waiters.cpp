#include "waiters.hpp"

#include <ant/interface/guardian.hpp>
#include <ant/server.hpp>

namespace ant::guardian_server {
namespace {

constexpr std::uint32_t vector_exit = 256;  // of a FaultRecord: no fault, the process ended by itself

}  // namespace

bool Waiters::add(std::uint64_t control, const Launched& launched) {
    for (Waiter& waiter : waiters_) {
        if (waiter.control != 0) continue;
        waiter = {control, launched};
        return true;
    }
    return false;
}

bool Waiters::ended(std::uint32_t pid, std::uint32_t& status, bool& fault) const {
    bool found = false;
    listings_.search<abi::FaultRecord>(abi::ListKind::faults, [&](const abi::FaultRecord& record) {
        if (record.pid == pid) {
            found = true;
            status = record.exit_status;
            fault = record.vector != vector_exit;
        }
        return false;  // the newest record of this pid counts
    });
    if (found) return true;
    const bool alive = listings_.search<abi::ProcessRecord>(abi::ListKind::processes,
                                                            [&](const abi::ProcessRecord& record) { return record.pid == pid; });
    if (alive) return false;
    // Its record has been overwritten by younger ones.
    status = panic_status;
    fault = true;
    return true;
}

void Waiters::processes_ended() {
    for (Waiter& waiter : waiters_) {
        if (waiter.control == 0) continue;
        std::uint32_t status = 0;
        bool fault = false;
        if (!ended(waiter.launched.process.pid, status, fault)) continue;
        guardian::Started started{waiter.launched.process.pid, waiter.launched.process.slot, status, fault, {}};
        std::memcpy(started.name, waiter.launched.slot.text, sizeof started.name);
        const Call call{waiter.control};
        const Outcome outcome = call.reply_with(started, status);
        // The caller may be gone meanwhile: then nobody is left to be told.
        (void)Server::answer(waiter.control, outcome.error, outcome.value);
        waiter.control = 0;
    }
}

}  // namespace ant::guardian_server
