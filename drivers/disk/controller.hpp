// What the common part of disk drivers (disk.hpp) and the part for one kind of controller say to each other.
//
// A controller has ports with at most one drive each. It gets commands that are in range, aligned, and in an order in
// which it may do them all at once; it never waits: whatever takes time goes on with the next interrupt or look.
//
//   struct State                   trivially copyable, zero at first; lies in an area that a planned replacement inherits.
//                                  Everything that the next process must know, also of commands and resets under way: it makes
//                                  a Controller on it, and goes on. It may have used_bytes(): what lies behind them says
//                                  nothing
//   Controller(..., State&, Statistics&)   counts its resets
//   static constexpr unsigned max_ports
//   Error begin(quiet)             from any state of the hardware, bus mastering off, and with a zeroed State: ends all
//                                  DMA, calls quiet() (areas of the process before are free from then on), takes its own
//                                  areas, resets, and begins to look for drives
//   bool settled()                 every port has been looked at: the drives are known
//   const Drive& drive(port)
//   bool room(port)                one more command can be started
//   void start(port, token, command)   the end of it is told later, with this token; pieces are valid during the call only.
//                                  A drive that had failed is reset first, and the command withdrawn or `gone` after that
//   void interrupt(ended)          some interrupt came, of this device or of another on its line; also called to poll.
//                                  ended(token, End) for each command that is over
//   u64 look(now_us, ended)        from time to time (look_us) while it is busy or not settled: lost interrupts, steps of
//                                  resets. -> us until it wants the next look, at most look_us
//   void reset(port, ended)        a command took too long: ends every command of the drive, and of drives that the reset
//                                  touches, as `withdrawn`, at once or when the reset is done, or `gone`
//   bool busy()                    some command has been started and has not ended, or a reset has
#pragma once

#include <ant/abi/error.hpp>
#include <ant/interface/block.hpp>

#include <cstdint>
#include <span>

namespace disk {

// Part of a data area: physically contiguous, below 4 GiB, both numbers even (multiples of 512 in practice).
struct Piece {
    std::uint32_t physical, bytes;
};
inline constexpr unsigned max_pieces = ant::abi::max_data_list;

enum class Kind : std::uint8_t { read, write, flush };

struct Command {
    Kind kind;
    bool through;  // write: past the drive's cache; only for drives with unit_flag::through
    std::uint64_t sector;
    std::uint32_t sectors;  // 1 to Drive::max_sectors; 0 for flush
    std::span<const Piece> pieces;
};

enum class End : std::uint8_t {
    done,
    failed,     // an error that may pass: worth another try
    damaged,    // the drive cannot read or write these sectors
    withdrawn,  // by a reset, or because another command failed
    gone,       // the drive does not answer any more
};

struct Drive {
    bool present;               // a disk: something that reads and writes sectors of 512 bytes
    std::uint32_t max_sectors;  // of one command
    ant::block::Unit unit;      // `sectors` and `flags` are believed by the common part
};

inline constexpr std::uint64_t look_us = 50'000;

}  // namespace disk
