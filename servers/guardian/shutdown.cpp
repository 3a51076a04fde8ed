#include "shutdown.hpp"

#include <ant/process.hpp>

namespace ant::guardian_server {

constinit Shutdown* Shutdown::running_ = nullptr;

void Shutdown::listen(Server& server) {
    running_ = this;
    server.on_result(file_, file::sync_all, on_synchronized);
}

Outcome Shutdown::begin(Call call) {
    const auto request = call.params<guardian::Power>();
    if (request.action > static_cast<std::uint32_t>(abi::PowerAction::reboot)) return Error::invalid_argument;
    if (call_ != 0) return Error::busy;
    call_ = call.control();
    request_ = request;
    limit_ns_ = clock_ns() + limit_us * 1000;
    if (!file_.send(file::sync_all, {}, {}, 0, limit_us)) finish();
    return Call::defer();
}

Outcome Shutdown::on_synchronized(const CallResult& result) {
    if (result.error != Error::none) running_->notices_.add("not all files could be written: %s", error_text(result.error));
    if (running_->call_ != 0) running_->finish();
    return {};
}

std::uint64_t Shutdown::pause_us() {
    if (call_ == 0) return no_limit;
    const std::uint64_t now = clock_ns();
    if (now < limit_ns_) return (limit_ns_ - now) / 1000 + 1;
    notices_.add("not all files could be written: %s", error_text(Error::timed_out));
    finish();
    return no_limit;
}

// Comes back only if the machine stays on.
void Shutdown::finish() {
    (void)notices_.flush();
    const Error error = sys::raw(sys::Syscall::power, request_.action, request_.status).error;
    (void)Server::answer(call_, error);
    call_ = 0;
}

}  // namespace ant::guardian_server
