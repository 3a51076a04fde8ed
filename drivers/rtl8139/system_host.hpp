// The driver's surroundings in the running system: areas, inet, answers, time.
#pragma once

#include "frame_batch.hpp"

#include <ant/client.hpp>
#include <ant/interface/inet.hpp>
#include <ant/process.hpp>
#include <ant/server.hpp>

namespace rtl8139 {

class SystemHost {
public:
    explicit SystemHost(ant::Client& inet) : inet_{inet} {}

    static std::uint64_t take_area(std::size_t pages) { return ant::sys::ica_reserve(pages).value_or(0); }
    static void free_area(std::uint64_t address) { (void)ant::sys::ica_release(address); }
    ant::Error deliver(const FrameBatch& batch, std::uint32_t flags) {
        return outcome(inet_.send_in_place(
            ant::inet::ethinput, [&](std::uint64_t parameters) { return batch.write(parameters, flags); },
            batch.areas() == 0 ? 0 : ant::abi::flag::data_list));
    }
    ant::Error attach(const ant::inet::Attach& card) {
        ant::inet::Attach named = card;
        ant::format(named.driver, sizeof named.driver, "%s", ant::startup().name);
        return outcome(inet_.send(ant::inet::ifattach, named));
    }
    static void answer(std::uint64_t control, ant::Error error, std::int64_t value) {
        (void)ant::Server::answer(control, error, value);
    }
    static std::uint64_t now_us() { return ant::clock_us(); }
    static void pause_us(std::uint64_t us) { ant::wait_us(us); }

private:
    static ant::Error outcome(const ant::Result<std::uint64_t>& sent) { return sent ? ant::Error::none : sent.error(); }

    ant::Client& inet_;
};

}  // namespace rtl8139
