// Error codes shared by the inner core, libant and every server.
#pragma once

#include <cstdint>

namespace ant {

// A call's outcome. `none` is success; the numbers are ABI and are never reused.
enum class Error : std::uint32_t {
    none = 0,
    invalid_argument = 1,  // a number, name or combination of flags makes no sense
    bad_address = 2,       // a pointer is outside the caller's memory, or not the start of an area
    no_memory = 3,         // no run of free pages of that length
    over_quota = 4,        // the caller's own limit is reached; others are not affected
    denied = 5,            // the caller has no right to this
    not_found = 6,         // no such name, process, image or device
    no_server = 7,         // the function is known, but nobody provides it now
    not_owner = 8,         // the area or call belongs to somebody else
    on_loan = 9,           // the area is lent to a driver until the call that lent it is answered
    busy = 10,             // a replacement of this server is already under way, or the resource is taken
    timed_out = 11,        // the time allowed has passed
    queue_full = 12,       // the server's request queue is full; try again
    server_died = 13,      // the server ended before it answered
    bad_image = 14,        // not an ELF image that this system runs
    state_refused = 15,    // the new server cannot read the old one's state format
    exited_early = 16,     // the new server ended before it registered
    not_registered = 17,   // the new server did not register in time, or the caller is not registered
    not_handed_over = 18,  // the old server did not reach a request boundary in time
    too_many = 19,         // a fixed table is full
    exists = 20,           // the name is taken
    bad_function = 21,     // the server does not know this operation
    would_block = 22,      // non-blocking, and nothing is there
    not_supported = 23,    // a valid request that this server does not implement
    cancelled = 24,        // withdrawn before it was answered
    restarted = 25,        // the server was restarted while it worked on this call
    connection_refused = 32,
    connection_reset = 33,
    connection_aborted = 34,
    not_connected = 35,
    already_connected = 36,
    in_progress = 37,
    address_in_use = 38,
    unreachable = 39,  // no route to that host or network
    message_too_long = 40,
    name_unknown = 41,  // DNS: no such name
    io_error = 42,
    abandoned = 43,       // nobody waits for this answer any more; the call is over
    no_space = 44,        // the disk is full
    not_directory = 45,   // a part of the path is no directory
    is_directory = 46,    // a directory where a file is expected
    not_empty = 47,       // the directory has entries
    read_only = 48,       // the file system or the medium cannot be written to
    too_large = 49,       // beyond the largest file
    cross_device = 50,    // not on the same file system
    too_many_links = 51,  // symbolic links that go round in circles, or too many hard links
    name_too_long = 52,   // a name or a path
};

// A word for people: "no memory", "server died".
constexpr const char* error_text(Error error) {
    switch (error) {
        case Error::none:
            return "success";
        case Error::invalid_argument:
            return "invalid argument";
        case Error::bad_address:
            return "bad address";
        case Error::no_memory:
            return "no memory";
        case Error::over_quota:
            return "over quota";
        case Error::denied:
            return "permission denied";
        case Error::not_found:
            return "not found";
        case Error::no_server:
            return "no server provides this function";
        case Error::not_owner:
            return "not the owner";
        case Error::on_loan:
            return "area is on loan";
        case Error::busy:
            return "busy";
        case Error::timed_out:
            return "timed out";
        case Error::queue_full:
            return "request queue full";
        case Error::server_died:
            return "server died";
        case Error::bad_image:
            return "not a valid program image";
        case Error::state_refused:
            return "new server refuses the state format";
        case Error::exited_early:
            return "new server exited before it registered";
        case Error::not_registered:
            return "new server did not register in time";
        case Error::not_handed_over:
            return "old server did not hand over in time";
        case Error::too_many:
            return "table full";
        case Error::exists:
            return "name exists";
        case Error::bad_function:
            return "unknown operation";
        case Error::would_block:
            return "would block";
        case Error::not_supported:
            return "not supported";
        case Error::cancelled:
            return "cancelled";
        case Error::restarted:
            return "server restarted";
        case Error::connection_refused:
            return "connection refused";
        case Error::connection_reset:
            return "connection reset";
        case Error::connection_aborted:
            return "connection aborted";
        case Error::not_connected:
            return "not connected";
        case Error::already_connected:
            return "already connected";
        case Error::in_progress:
            return "in progress";
        case Error::address_in_use:
            return "address in use";
        case Error::unreachable:
            return "unreachable";
        case Error::message_too_long:
            return "message too long";
        case Error::name_unknown:
            return "unknown host name";
        case Error::io_error:
            return "input/output error";
        case Error::abandoned:
            return "nobody waits for the answer";
        case Error::no_space:
            return "no space left on the disk";
        case Error::not_directory:
            return "not a directory";
        case Error::is_directory:
            return "is a directory";
        case Error::not_empty:
            return "directory not empty";
        case Error::read_only:
            return "read-only file system";
        case Error::too_large:
            return "file too large";
        case Error::cross_device:
            return "on another file system";
        case Error::too_many_links:
            return "too many links";
        case Error::name_too_long:
            return "name too long";
    }
    return "unknown error";
}

}  // namespace ant
