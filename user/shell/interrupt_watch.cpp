#include "interrupt_watch.hpp"

#include "output.hpp"

#include <ant/interface/console.hpp>

namespace ant::shell {
namespace {

constexpr std::uint64_t withdrawal_us = 1'000'000;

unsigned depth = 0;         // of nested watches
std::uint64_t waiting = 0;  // control ICA of the call that waits for Ctrl-C; 0: none
bool has_been_typed = false;

}  // namespace

std::optional<Finished> next_result(std::uint64_t timeout_us, void (*replaced)()) {
    const sys::Raw receipt = sys::raw(sys::Syscall::receive, timeout_us);
    if (receipt.error != Error::none) return std::nullopt;
    const auto kind = static_cast<abi::Receipt>(receipt.rsi & 0xff);
    if (kind == abi::Receipt::replacement && replaced != nullptr) replaced();
    if (kind != abi::Receipt::result) return std::nullopt;
    return Finished{receipt.rdi, static_cast<Error>(receipt.rsi >> 8 & 0xff), receipt.r9};
}

void forget(const Finished& finished) {
    if (finished.data != 0) (void)sys::ica_release(finished.data);
    controls::give(finished.control);
}

InterruptWatch::InterruptWatch() {
    if (depth++ != 0) return;
    has_been_typed = false;
    const auto sent = console_client.send(console::interrupt, {.withdraw = 0, .reserved = 0});
    if (sent) waiting = *sent;
}

InterruptWatch::~InterruptWatch() {
    if (--depth != 0 || waiting == 0) return;
    // The answer to the first call is under way when the second one is answered.
    withdraw();
    while (waiting != 0) {
        const auto result = next_result(withdrawal_us);
        if (!result) return;
        if (!took(*result)) forget(*result);
    }
}

void InterruptWatch::withdraw() { (void)console_client.call(console::interrupt, {.withdraw = 1, .reserved = 0}); }

bool InterruptWatch::took(const Finished& finished) {
    if (waiting == 0 || finished.control != waiting) return false;
    has_been_typed = finished.error == Error::none;
    controls::give(waiting);
    waiting = 0;
    return true;
}

bool InterruptWatch::has_fired() const { return has_been_typed; }

bool InterruptWatch::fired() {
    if (waiting == 0) return has_been_typed;
    const auto result = next_result(abi::poll);
    if (result && !took(*result)) forget(*result);
    return has_been_typed;
}

}  // namespace ant::shell
