#include "requests.hpp"

#include <ant/areas_back.hpp>

namespace ant::file_server {

namespace {

template <Outcome (Requests::*handler)(Call)>
Outcome handle(Call call) {
    return (requests.*handler)(call);
}

// As handle, for calls that bring a data area, but not several.
template <Outcome (Requests::*handler)(Call)>
Outcome handle_area(Call call) {
    if ((call.frame().flags & abi::flag::data_list) != 0) return with_areas_back(call, Error::invalid_argument);
    return handle<handler>(call);
}

}  // namespace

void Requests::register_handlers() {
    server_.on(file::open, handle<&Requests::open>);
    server_.on(file::close, handle<&Requests::close>);
    server_.on(file::read, handle_area<&Requests::read>);
    server_.on(file::write, handle_area<&Requests::write>);
    server_.on(file::truncate, handle<&Requests::truncate>);
    server_.on(file::sync, handle<&Requests::sync>);
    server_.on(file::sync_data, handle<&Requests::sync_data>);
    server_.on(file::status, handle<&Requests::status>);
    server_.on(file::list, handle_area<&Requests::list>);
    server_.on(file::lock, handle<&Requests::lock>);
    server_.on(file::status_of, handle<&Requests::status_of>);
    server_.on(file::access, handle<&Requests::access>);
    server_.on(file::make_directory, handle<&Requests::make_directory>);
    server_.on(file::remove, handle<&Requests::remove>);
    server_.on(file::rename, handle<&Requests::rename>);
    server_.on(file::link, handle<&Requests::link>);
    server_.on(file::symbolic_link, handle<&Requests::symbolic_link>);
    server_.on(file::read_link, handle<&Requests::read_link>);
    server_.on(file::change, handle<&Requests::change>);
    server_.on(file::space, handle<&Requests::space>);
    server_.on(file::mount, handle<&Requests::mount>);
    server_.on(file::unmount, handle<&Requests::unmount>);
    server_.on(file::mounts, handle<&Requests::mounts>);
    server_.on(file::sync_all, handle<&Requests::sync_all>);
    server_.before_receive([] { return requests.before_receive(); });
    server_.on_event([](std::uint64_t events) {
        if ((events & abi::event::process_ended) != 0) requests.ended_ = true;
    });
}

}  // namespace ant::file_server
