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
        case Error::over_quota:
            return ENOMEM;
        case Error::denied:
            return EACCES;
        case Error::not_found:
        case Error::name_unknown:
            return ENOENT;
        case Error::no_server:
            return ENETDOWN;
        case Error::not_owner:
            return EPERM;
        case Error::on_loan:
        case Error::busy:
            return EBUSY;
        case Error::timed_out:
            return ETIMEDOUT;
        case Error::queue_full:
        case Error::would_block:
            return EAGAIN;
        case Error::server_died:
        case Error::state_refused:
        case Error::exited_early:
        case Error::not_registered:
        case Error::not_handed_over:
        case Error::restarted:
        case Error::io_error:
        case Error::abandoned:
            return EIO;
        case Error::bad_image:
            return ENOEXEC;
        case Error::too_many:
            return ENFILE;
        case Error::exists:
            return EEXIST;
        case Error::bad_function:
            return ENOSYS;
        case Error::not_supported:
            return EOPNOTSUPP;
        case Error::cancelled:
            return EINTR;
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
        case Error::no_space:
            return ENOSPC;
        case Error::not_directory:
            return ENOTDIR;
        case Error::is_directory:
            return EISDIR;
        case Error::not_empty:
            return ENOTEMPTY;
        case Error::read_only:
            return EROFS;
        case Error::too_large:
            return EFBIG;
        case Error::cross_device:
            return EXDEV;
        case Error::too_many_links:
            return ELOOP;
        case Error::name_too_long:
            return ENAMETOOLONG;
    }
    return EIO;
}

}  // namespace

Answer failure(Error error) { return -error_number(error); }

Answer file_failure(Error error) {
    if (error == Error::no_server) return -ENODEV;
    if (error == Error::too_many) return -EMFILE;
    return failure(error);
}

}  // namespace ant::foreign
