#include "foreign.hpp"

namespace ant::foreign {

namespace {

// No default: the compiler names a forgotten one.
int error_number(Error error) {
    switch (error) {
        case Error::none:
            return 0;
        case Error::invalid_argument:
            return EINVAL;
        case Error::bad_address:
            return EFAULT;
        case Error::no_memory:
            return ENOMEM;
        case Error::over_quota:
            return ENOMEM;
        case Error::denied:
            return EACCES;
        case Error::not_found:
            return ENOENT;
        case Error::no_server:
            return ENETDOWN;
        case Error::not_owner:
            return EPERM;
        case Error::on_loan:
            return EBUSY;
        case Error::busy:
            return EBUSY;
        case Error::timed_out:
            return ETIMEDOUT;
        case Error::queue_full:
            return EAGAIN;
        case Error::server_died:
            return EIO;
        case Error::bad_image:
            return ENOEXEC;
        case Error::state_refused:
            return EIO;
        case Error::exited_early:
            return EIO;
        case Error::not_registered:
            return EIO;
        case Error::not_handed_over:
            return EIO;
        case Error::too_many:
            return ENFILE;
        case Error::exists:
            return EEXIST;
        case Error::bad_function:
            return ENOSYS;
        case Error::would_block:
            return EAGAIN;
        case Error::not_supported:
            return EOPNOTSUPP;
        case Error::cancelled:
            return EINTR;
        case Error::restarted:
            return EIO;
        case Error::connection_refused:
            return ECONNREFUSED;
        case Error::connection_reset:
            return ECONNRESET;
        case Error::connection_aborted:
            return ECONNABORTED;
        case Error::not_connected:
            return ENOTCONN;
        case Error::already_connected:
            return EISCONN;
        case Error::in_progress:
            return EINPROGRESS;
        case Error::address_in_use:
            return EADDRINUSE;
        case Error::unreachable:
            return EHOSTUNREACH;
        case Error::message_too_long:
            return EMSGSIZE;
        case Error::name_unknown:
            return ENOENT;
        case Error::io_error:
            return EIO;
    }
    return EIO;
}

}  // namespace

Answer failure(Error error) { return -error_number(error); }

}  // namespace ant::foreign
