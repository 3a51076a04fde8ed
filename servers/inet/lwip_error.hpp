// lwIP's error numbers in the words of the system.
#pragma once

#include <ant/abi/error.hpp>

#include <lwip/err.h>

namespace ant::inet_server {

constexpr Error from_lwip(err_t error) {
    switch (static_cast<err_enum_t>(error)) {
        case ERR_OK:
            return Error::none;
        case ERR_MEM:
        case ERR_BUF:
            return Error::no_memory;
        case ERR_TIMEOUT:
            return Error::timed_out;
        case ERR_RTE:
        case ERR_IF:
            return Error::unreachable;
        case ERR_INPROGRESS:
            return Error::in_progress;
        case ERR_VAL:
        case ERR_ARG:
            return Error::invalid_argument;
        case ERR_WOULDBLOCK:
            return Error::would_block;
        case ERR_USE:
            return Error::address_in_use;
        case ERR_ALREADY:
        case ERR_ISCONN:
            return Error::already_connected;
        case ERR_CONN:
            return Error::not_connected;
        case ERR_ABRT:
            return Error::connection_aborted;
        case ERR_RST:
            return Error::connection_reset;
        case ERR_CLSD:
            return Error::not_connected;
    }
    return Error::io_error;
}

}  // namespace ant::inet_server
