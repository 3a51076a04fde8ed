// What the driver knows of its adapter. A planned replacement inherits it.
#pragma once

#include "registers.hpp"

#include "drivers/disk/controller.hpp"

#include <bit>
#include <cstddef>

namespace ahci {

// What a port is at. From `stop_list` to `identify` it is on its way from any condition to `ready`.
enum class Phase : std::uint8_t {
    unused,        // the adapter has no such port
    stop_list,     // until the adapter has let go of the command list
    cancel,        // COMRESET for the commands of a failed process
    stop_receive,  // until it has let go of the memory for received FISes
    stopped,       // until the adapter may reach memory, and the drive may spin up
    reset,         // COMRESET is being sent
    link,          // until the link is up
    settle,        // until the drive is ready and has sent its signature
    identify,      // IDENTIFY DEVICE is under way
    log,           // READ LOG EXT is under way: which of the queued commands has failed?
    ready,
    other,  // no disk, or not the one that was here before: left alone
    empty,  // nothing is there
    dead,   // there is something, but it does not answer
};
constexpr bool on_its_way(Phase phase) { return phase > Phase::unused && phase < Phase::ready; }

struct PortState {
    Phase phase;
    bool queued;               // the commands that run are NCQ commands
    bool reset_wanted;         // COMRESET before it goes on
    bool log_wanted;           // a queued command has failed
    bool expected;             // there was a drive
    disk::End blame;           // what is told of the culprits
    std::uint8_t depth;        // NCQ commands at once; 0: no NCQ
    std::uint8_t attempts;     // to get ready, since it was last
    std::uint32_t running;     // slots whose commands have not ended
    std::uint32_t over;        // slots whose commands have, which nobody has been told
    std::uint32_t culprits;    // slots whose commands are to blame for what is being repaired
    std::uint32_t careful;     // so many commands are still to be done one by one
    std::uint64_t until_us;    // end of the phase
    std::uint64_t spin_up_us;  // not before
    std::uint64_t memory;      // PortMemory
    std::uint32_t token[max_slots];
    disk::End end[max_slots];  // of those that are over
    disk::Drive drive;
};

struct State {
    enum class Phase : std::uint8_t { handoff, reset, stopping, running };
    Phase phase;
    bool memory_allowed;  // the adapter may reach memory
    bool stuck;           // only a reset of the adapter helps
    bool queueing;
    std::uint8_t slots;  // of a command list
    std::uint32_t implemented;
    std::uint32_t active;  // ports where something goes on
    std::uint32_t resets;  // of ports, and of the adapter
    std::uint64_t until_us;
    PortState port[max_ports];

    // Nothing is known of the ports behind the last one that there is.
    [[nodiscard]] std::size_t used_bytes() const;
};
inline std::size_t State::used_bytes() const {
    return offsetof(State, port) + static_cast<std::size_t>(std::bit_width(implemented)) * sizeof(PortState);
}

}  // namespace ahci
