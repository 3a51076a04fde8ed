// Shutdown: before the machine goes off the file server writes what it has. A file server that hangs or is not there does not
// prevent it.
#pragma once

#include "notices.hpp"

#include <ant/interface/file.hpp>
#include <ant/interface/guardian.hpp>
#include <ant/server.hpp>

namespace ant::guardian_server {

class Shutdown {
public:
    constexpr explicit Shutdown(Notices& notices) : notices_{notices} {}

    void listen(Server& server);
    Outcome begin(Call call);
    // Goes on without the file server when it takes too long. -> microseconds until then, no_limit: nothing is under way
    std::uint64_t pause_us();

private:
    static constexpr std::uint64_t limit_us = 8'000'000;

    void finish();
    static Outcome on_synchronized(const CallResult& result);
    static Shutdown* running_;

    Notices& notices_;
    Client file_{"file"};
    std::uint64_t call_ = 0;  // the one that asked for it; 0: nobody
    std::uint64_t limit_ns_ = 0;
    guardian::Power request_{};
};

}  // namespace ant::guardian_server
