// Calls of the NIC driver.
#include "calls.hpp"
#include "header_note.hpp"
#include "process_list.hpp"
#include "protocol_management.hpp"
#include "request_management.hpp"

#include <algorithm>
#include <utility>

namespace ant::inet_server {

namespace {

constexpr std::uint32_t max_frame_bytes = 1518;

// For how long processes have run.
std::uint64_t busy_ns() {
    std::uint64_t sum = 0;
    (void)each_process([&](const abi::ProcessRecord& process) { sum += process.cpu_ns; });
    return sum;
}

}  // namespace

Outcome Requests::transmitted(const CallResult& result) {
    requests.called();
    protocol.transmitter().completed(result.control, result.error);
    return {};
}

// Only the driver process whose slot has that name may be our driver.
Outcome Requests::attach(Call call) {
    auto params = call.params<inet::Attach>();
    params.driver[sizeof params.driver - 1] = '\0';
    bool genuine = false;
    const auto listed = each_process([&](const abi::ProcessRecord& process) {
        genuine |= process.slot == call.requester() && process.priority >= abi::priority::driver &&
                   __builtin_strncmp(process.name, params.driver, sizeof process.name) == 0;
    });
    if (!listed) return listed.error();
    if (!genuine) return Error::denied;
    const bool again = protocol.attached();
    const auto attached = protocol.attach(server_, params, call.requester(), transmitted);
    if (attached && again) resume(Connections::Lost::by_driver);  // frames may have been lost with the one before
    return attached ? Outcome{} : Outcome{attached.error()};
}

// Of a call that comes again some frames may be in use already, and some pages gone; or the list may be that of the
// answer.
Outcome Requests::ethernet_input(Call call) {
    if (call.requester() != protocol.driver_slot()) {
        drop_moved(call);
        return Error::denied;
    }
    if (call.redelivered() && sockets.recovery() != nullptr) sockets.recovery()->complete();  // which pages are in use
    if (note_of(call).done != 0) {
        for (const abi::DataListEntry& area : call.data_list())
            if (sockets.store().comes_again(area.address)) protocol.pages().give_back(area.address);
        return give_back_pages(call);
    }
    if (sockets.back_pressure().on() && input_waits(call)) return Call::defer();
    return handle_frames(call);
}

Outcome Requests::handle_frames(Call call) {
    const std::span<abi::DataListEntry> areas = call.data_list();
    const std::size_t head = sizeof(abi::DataList) + areas.size_bytes() + sizeof(inet::EthernetInput);
    const auto& input = call.params_after_list<inet::EthernetInput>();
    const bool complete = call.parameter_bytes() >= head && input.count <= inet::max_frames &&
                          call.parameter_bytes() - head >= input.count * sizeof(inet::Frame);
    if (!complete) {
        drop_moved(call);
        return Error::invalid_argument;
    }
    protocol.set_link((input.flags & inet::input_flag::link_up) != 0);
    if ((input.flags & inet::input_flag::overflow) != 0) [[unlikely]]
        protocol.connections().limit_windows();
    protocol.connections().begin_input();
    std::size_t next = 0;
    const auto take_next = [&](const inet::Frame& frame) {
        const abi::DataListEntry& area = areas[next++];
        if (!call.redelivered() || sockets.store().comes_again(area.address)) take_page(call, area, frame);
    };
    for (const inet::Frame& frame : std::span{reinterpret_cast<const inet::Frame*>(&input + 1), input.count}) {
        if ((frame.flags & inet::frame_flag::in_parameters) != 0)
            copy_frame(call, frame);
        else if (next != areas.size())
            take_next(frame);
    }
    while (next != areas.size()) take_next({});
    protocol.end_input();
    protocol.connections().end_input();
    unheard_ = true;
    return give_back_pages(call);
}

bool Requests::input_is_held() { return sockets.back_pressure().holds(clock_ns(), busy_ns); }

// Behind those that wait already.
bool Requests::input_waits(Call call) {
    const bool waits = input_count_ != 0 || input_is_held();
    if (!waits || input_count_ == max_inputs) return false;
    inputs_[input_count_++] = call.control();
    return true;
}

void Requests::copy_frame(Call call, const inet::Frame& frame) {
    const bool fits =
        frame.bytes != 0 && frame.bytes <= max_frame_bytes && std::uint32_t{frame.offset} + frame.bytes <= call.parameter_bytes();
    if (!fits || !sockets.store().has_room()) return;
    pbuf* p = ReceivePages::copy_frame(&call.params<std::byte>() + frame.offset, frame.bytes);
    if (p != nullptr) protocol.input(p, frame.flags);
}

void Requests::take_page(Call call, const abi::DataListEntry& area, const inet::Frame& frame) {
    const std::uint64_t size = std::uint64_t{area.pages} * abi::page_size;
    const bool fits = frame.bytes != 0 && frame.bytes <= max_frame_bytes && std::uint64_t{frame.offset} + frame.bytes <= size;
    const bool good = fits && sockets.store().has_room();
    const bool ours = area.mode == static_cast<std::uint32_t>(abi::DataMode::move);
    pbuf* p = nullptr;
    if (ours && area.pages == 1) {
        if (good) {
            FrameHeader header{area.address, frame.offset, frame.bytes};
            if (call.redelivered()) header.restore(call.id());
            header.keep(call.id());
            p = protocol.pages().take_frame(area.address, frame.offset, frame.bytes);
        } else {
            protocol.pages().give_back(area.address);
        }
    } else {
        if (good) p = ReceivePages::copy_frame(reinterpret_cast<const std::byte*>(area.address + frame.offset), frame.bytes);
        if (ours) (void)sys::ica_release(area.address);
    }
    if (p != nullptr) protocol.input(p, frame.flags);
}

// The server's loop has refused calls with fewer bytes.
static_assert(wire_bytes<inet::EthernetInput> >= sizeof(abi::DataList));

// As many as there is room for in the list, most of what the driver has just brought. An answer without any costs less.
Outcome Requests::give_back_pages(Call call) {
    returned_.call = call.control();
    returned_.count = 0;
    std::size_t room = 0;
    if (!call.data_list().empty() || protocol.pages().many_return())
        room = std::min<std::size_t>((call.parameter_bytes() - sizeof(abi::DataList)) / sizeof(abi::DataListEntry),
                                     abi::max_data_list);
    while (returned_.count < room) {
        const std::uint64_t page = protocol.pages().next_return();
        if (page == 0) break;
        returned_.page[returned_.count++] = page;
    }
    Outcome outcome;
    outcome.list = returned_.count != 0;
    outcome.value = returned_.count;
    return outcome;
}

// Last of all: until then the list says what came with the call.
void Requests::write_returns() {
    if (returned_.call == 0) return;
    const Call call{std::exchange(returned_.call, 0)};
    note_of(call).done = 1;
    record::ordered();
    auto& list = call.params<abi::DataList>();
    for (std::uint32_t i = 0; i < returned_.count; ++i)
        list.entries[i] = {returned_.page[i], 1, static_cast<std::uint32_t>(abi::DataMode::move)};
    list.count = returned_.count;
}

}  // namespace ant::inet_server
