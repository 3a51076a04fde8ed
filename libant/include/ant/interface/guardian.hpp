// Functions of the guardian ("guardian"): starts, stops and replaces everything else.
#pragma once

#include <ant/abi/syscall.hpp>
#include <ant/function.hpp>

#include <cstdint>

namespace ant::guardian {

inline constexpr unsigned max_arguments = 1024;
struct Start {
    char program[abi::name_bytes];  // in the archive, or /bin/PROGRAM, or a path
    char as[abi::name_bytes];       // slot; "" = the program's name, made unique with a suffix
    std::uint32_t argc;             // strings in `arguments`, each with its NUL, without the program's name
    std::uint32_t wait;             // 1: answered when it has ended; value = exit status
    char arguments[max_arguments];
    // 0: that of boot.conf, else the caller's. Another one may only be asked for by user 0.
    std::uint32_t user;
    std::uint32_t reserved;
};
struct Started {
    std::uint32_t pid, slot;
    std::uint32_t exit_status;
    std::uint32_t fault;  // 1: ended by an exception or kill
    char name[abi::name_bytes];
};
struct Name {
    char name[abi::name_bytes];  // slot, or a decimal pid
    std::uint32_t status;        // of kill: exit status
    std::uint32_t reserved;
};
inline constexpr unsigned max_replace = 8;
struct Replace {
    std::uint32_t count;
    std::uint32_t as_paper;
    std::uint32_t timeout_us;  // 0 = the default
    std::uint32_t reserved;
    struct {
        char name[abi::name_bytes];     // slot
        char program[abi::name_bytes];  // as in Start; "" = the program it runs now, read again if it is on disk
    } server[max_replace];
};
struct Replaced {
    std::uint32_t count;
    std::uint32_t reserved;
    abi::ReplaceResult result[max_replace];
};
struct Programs {  // the archive's contents: names with a NUL each
    std::uint32_t count;
    char names[2048];
};
inline constexpr unsigned max_symbol = 96;
struct Symbol {                     // in the answer, program and address are as in the request
    char program[abi::name_bytes];  // in the archive
    std::uint64_t address;
    std::uint64_t offset;       // of the address in its function
    char function[max_symbol];  // "" = in none that is known
};
struct Poke {                    // damages the process of a server on purpose (tools/ant chaos)
    char name[abi::name_bytes];  // slot
    std::uint64_t address;
    std::uint32_t count;
    std::uint32_t reserved;
    std::uint8_t bytes[abi::max_poke];
};
struct StopAfter {
    char name[abi::name_bytes];  // slot
    std::uint64_t instructions;  // of its own, from its next call on; 0: never mind
};
struct Power {
    std::uint32_t action;  // abi::PowerAction
    std::uint32_t status;  // of power-off: shown by the emulator as exit status where it can
};

enum class Op : std::uint16_t { start = 1, stop, kill, replace, programs, power, symbol, poke, stop_after };

// What is asked for is done once, also when the guardian fails in the middle: it recognises the call. A `kill` may
// be answered with Error::restarted then, for a second one would hit the next process.
namespace attribute {
inline constexpr std::uint16_t repeated = abi::function_attribute::redeliver;
inline constexpr std::uint16_t waiting = abi::function_attribute::redeliver | abi::function_attribute::may_wait;
inline constexpr std::uint16_t privileged = abi::function_attribute::privileged;
}  // namespace attribute
inline constexpr Function<Start, Started> start{"start", static_cast<std::uint16_t>(Op::start), attribute::waiting};
inline constexpr Function<Name> stop{"stop", static_cast<std::uint16_t>(Op::stop), attribute::repeated};
inline constexpr Function<Name> kill{"kill", static_cast<std::uint16_t>(Op::kill), attribute::privileged};
inline constexpr Function<Replace, Replaced> replace{"replace", static_cast<std::uint16_t>(Op::replace),
                                                     attribute::waiting | attribute::privileged};
inline constexpr Function<Nothing, Programs> programs{"programs", static_cast<std::uint16_t>(Op::programs), attribute::repeated};
// Waits for the file server, but not for long.
inline constexpr Function<Power> power{"power", static_cast<std::uint16_t>(Op::power),
                                       attribute::waiting | attribute::privileged};
inline constexpr Function<Symbol, Symbol> symbol{"symbol", static_cast<std::uint16_t>(Op::symbol), attribute::repeated};
inline constexpr Function<Poke> poke{"poke", static_cast<std::uint16_t>(Op::poke), attribute::repeated | attribute::privileged};
inline constexpr Function<StopAfter> stop_after{"stop-after", static_cast<std::uint16_t>(Op::stop_after), attribute::privileged};

// Every server of libant answers this one too: it brings itself down in the way asked for (tests, demonstrations).
enum class Fault : std::uint32_t {
    null,
    text,
    div0,
    stack,
    wild,
    panic,
    exit,
    hang,
    lost_reply,   // this call is never answered
    double_free,  // releases an area twice
    overrun,      // writes past the end of an area of its own
    runaway,      // reserves areas for ever
    bad_reply,    // answers the next call with a wrong value, without doing what it asks for
};
struct Crash {
    std::uint32_t fault;
    std::uint32_t reserved;
};
inline constexpr std::uint16_t crash_op = 63;
inline constexpr Function<Crash> crash{"crash", crash_op, abi::function_attribute::privileged};

}  // namespace ant::guardian
