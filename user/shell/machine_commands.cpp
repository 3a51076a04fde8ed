// sum, reboot, poweroff.
#include "commands.hpp"
#include "guardian_calls.hpp"
#include "interrupt_watch.hpp"

#include <ant/sha256.hpp>
#include <ant/stream.hpp>

#include <algorithm>

namespace ant::shell {
namespace {

int power(abi::PowerAction action, std::uint32_t exit_status) {
    out.flush();
    const auto done =
        guardian_client.call(guardian::power, {.action = static_cast<std::uint32_t>(action), .status = exit_status});
    return done ? status::success : fail(done.error());
}

}  // namespace

int sum_stream(Arguments& arguments) {
    const auto bytes = parse_number(arguments[1]);
    const auto seed = parse_number(arguments[2]);
    if (arguments.size() != 3 || !bytes || !seed) return status::show_usage;
    static std::byte buffer[16384];
    InterruptWatch watch;
    Stream stream{*seed};
    Sha256 sum;
    for (std::uint64_t left = *bytes; left != 0;) {
        const std::span piece{buffer, static_cast<std::size_t>(std::min<std::uint64_t>(left, sizeof buffer))};
        stream.fill(piece);
        sum.update(piece);
        left -= piece.size();
        if (watch.fired()) return status::interrupted;
    }
    out.print("%s\n", to_hex(sum.finish()).data());
    return status::success;
}

int reboot_machine(Arguments& arguments) {
    if (arguments.size() != 1) return status::show_usage;
    return power(abi::PowerAction::reboot, 0);
}

int power_off(Arguments& arguments) {
    const auto exit_status = parse_number(arguments.size() < 2 ? "0" : arguments[1]);
    if (arguments.size() > 2 || !exit_status) return status::show_usage;
    return power(abi::PowerAction::off, static_cast<std::uint32_t>(*exit_status));
}

}  // namespace ant::shell
