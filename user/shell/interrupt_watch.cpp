#include "interrupt_watch.hpp"

#include "output.hpp"

#include <ant/interface/console.hpp>

namespace ant::shell {
namespace {

constexpr std::uint64_t withdrawal_us = 1'000'000;

std::optional<Finished> finished(const sys::Raw& receipt) {
    if (receipt.error != Error::none) return std::nullopt;
    if (static_cast<abi::Receipt>(receipt.rsi & 0xff) != abi::Receipt::result) return std::nullopt;
    return Finished{receipt.rdi, static_cast<Error>(receipt.rsi >> 8 & 0xff), receipt.r9};
}

}  // namespace

std::optional<Finished> next_result(std::uint64_t timeout_us) { return finished(sys::raw(sys::Syscall::receive, timeout_us)); }

InterruptWatch::InterruptWatch() {
    const auto sent = console_client.send(console::interrupt, {.withdraw = 0, .reserved = 0});
    if (sent) control_ = *sent;
}

InterruptWatch::~InterruptWatch() {
    if (control_ == 0) return;
    // The answer to the first call is under way when the second one is answered.
    (void)console_client.call(console::interrupt, {.withdraw = 1, .reserved = 0});
    while (control_ != 0) {
        const auto result = next_result(withdrawal_us);
        if (!result) return;
        (void)took(*result);
    }
}

bool InterruptWatch::took(const Finished& finished) {
    if (control_ == 0 || finished.control != control_) return false;
    fired_ = finished.error == Error::none;
    controls::give(control_);
    control_ = 0;
    return true;
}

bool InterruptWatch::fired() {
    if (control_ == 0) return fired_;
    const auto result = next_result(abi::poll);
    if (result) (void)took(*result);
    return fired_;
}

}  // namespace ant::shell
