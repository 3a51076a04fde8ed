#include "error_name.hpp"

namespace ant::shell {

const char* error_name(Error error) {
    switch (error) {
        case Error::none:
            return "none";
        case Error::invalid_argument:
            return "invalid_argument";
        case Error::bad_address:
            return "bad_address";
        case Error::no_memory:
            return "no_memory";
        case Error::over_quota:
            return "over_quota";
        case Error::denied:
            return "denied";
        case Error::not_found:
            return "not_found";
        case Error::no_server:
            return "no_server";
        case Error::not_owner:
            return "not_owner";
        case Error::on_loan:
            return "on_loan";
        case Error::busy:
            return "busy";
        case Error::timed_out:
            return "timed_out";
        case Error::queue_full:
            return "queue_full";
        case Error::server_died:
            return "server_died";
        case Error::bad_image:
            return "bad_image";
        case Error::state_refused:
            return "state_refused";
        case Error::exited_early:
            return "exited_early";
        case Error::not_registered:
            return "not_registered";
        case Error::not_handed_over:
            return "not_handed_over";
        case Error::too_many:
            return "too_many";
        case Error::exists:
            return "exists";
        case Error::bad_function:
            return "bad_function";
        case Error::would_block:
            return "would_block";
        case Error::not_supported:
            return "not_supported";
        case Error::cancelled:
            return "cancelled";
        case Error::restarted:
            return "restarted";
        case Error::connection_refused:
            return "connection_refused";
        case Error::connection_reset:
            return "connection_reset";
        case Error::connection_aborted:
            return "connection_aborted";
        case Error::not_connected:
            return "not_connected";
        case Error::already_connected:
            return "already_connected";
        case Error::in_progress:
            return "in_progress";
        case Error::address_in_use:
            return "address_in_use";
        case Error::unreachable:
            return "unreachable";
        case Error::message_too_long:
            return "message_too_long";
        case Error::name_unknown:
            return "name_unknown";
        case Error::io_error:
            return "io_error";
        case Error::abandoned:
            return "abandoned";
    }
    return "unknown";
}

}  // namespace ant::shell
