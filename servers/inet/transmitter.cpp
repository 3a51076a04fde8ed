#include "transmitter.hpp"

#include <ant/process.hpp>

#include <lwip/prot/ethernet.h>
#include <lwip/prot/ip.h>
#include <lwip/prot/ip4.h>

#include <algorithm>
#include <utility>

namespace ant::inet_server {

namespace {

bool in_window(const void* p) {
    const auto address = reinterpret_cast<std::uint64_t>(p);
    return address - abi::ica_base < abi::ica_window_bytes;
}

}  // namespace

void Transmitter::attach(Client* driver, std::uint32_t features) {
    driver_ = driver;
    features_ = features;
}

Transmitter::Flight* Transmitter::free_flight() {
    for (Flight& flight : flights_)
        if (flight.count == 0) return &flight;
    return nullptr;
}

err_t Transmitter::add(pbuf* packet) {
    if (driver_ == nullptr) return ERR_IF;
    bool direct = pbuf_clen(packet) <= max_pieces;
    for (const pbuf* p = packet; p != nullptr && direct; p = p->next) direct = p->len == 0 || in_window(p->payload);
    if (direct) return add_pieces(packet);
    // Constants of this program, or many tiny pieces: the driver cannot or should not read them where they are.
    pbuf* copy = pbuf_clone(PBUF_RAW, PBUF_RAM, packet);
    if (copy == nullptr) return ERR_MEM;
    const err_t error = add_pieces(copy);
    pbuf_free(copy);
    return error;
}

bool Transmitter::has_room(unsigned pieces) const {
    return segments_ < max_packets && fragment_count_ + pieces <= max_fragments && area_count_ + pieces <= abi::max_data_list;
}

bool Transmitter::append(const pbuf* packet, const TcpSegment& segment) {
    if (!large_.continues(segment) || packet->len != SegmentHeaders::tcp_bytes) return false;
    unsigned pieces = 0;
    for (const pbuf* p = packet->next; p != nullptr; p = p->next, pieces += 2)
        if (areas_.find(reinterpret_cast<std::uint64_t>(p->payload)) == nullptr) return false;
    if (!has_room(pieces) || fragment_count_ - large_first_ + pieces > max_large_pieces) return false;
    fragments_[fragment_count_ - 1].flags &= nic::fragment_flag::in_call;
    for (const pbuf* p = packet->next; p != nullptr; p = p->next) add_piece(reinterpret_cast<std::uint64_t>(p->payload), p->len);
    large_.append(segment);
    auto& last = fragments_[fragment_count_ - 1];
    last.flags |= nic::fragment_flag::last | nic::fragment_flag::large_send;
    last.mss = LargeSend::segment;
    ++segments_;
    counters_.bytes += SegmentHeaders::bytes + segment.payload;
    return true;
}

err_t Transmitter::add_pieces(pbuf* packet) {
    const unsigned pieces = 2 * pbuf_clen(packet);  // each may lie in two areas, see add_piece
    const bool full = !has_room(pieces);
    if (full && Connections::may_commit()) flush();
    if ((full && packet_count_ != 0) || (packet_count_ == 0 && free_flight() == nullptr)) {
        refused_ = true;
        return ERR_MEM;
    }
    large_first_ = fragment_count_;
    add_fragments(packet);
    pbuf_ref(packet);
    packets_[packet_count_++] = packet;
    ++segments_;
    if ((features_ & nic::feature::large_send) != 0)
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): lwIP sends no empty packet
        large_.begin(static_cast<std::uint8_t*>(packet->payload), packet->len, packet->tot_len);
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): lwIP sends no empty packet
    counters_.bytes += packet->tot_len;
    return ERR_OK;
}

// lwIP joins bytes that lie side by side, also where one area ends and the next begins; a fragment for the
// driver lies in one area. What follows the last fragment in its area becomes part of it.
void Transmitter::add_piece(std::uint64_t address, std::uint32_t bytes) {
    if (fragment_count_ != large_first_) {
        auto& last = fragments_[fragment_count_ - 1];
        if (last.address + last.bytes == address && address + bytes <= last_area_end_) {
            last.bytes += bytes;
            return;
        }
    }
    if (bytes <= nic::most_in_call && bytes <= most_copied - in_call_) {
        in_call_ += bytes;
        fragments_[fragment_count_++] = {address, bytes, nic::fragment_flag::in_call, 0};
        last_area_end_ = 0;
        return;
    }
    while (bytes != 0) {
        const std::uint64_t left = lend_area_of(address);
        const auto part = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, left));
        fragments_[fragment_count_++] = {address, part, 0, 0};
        last_area_end_ = address + left;
        address += part;
        bytes -= part;
    }
}

void Transmitter::add_fragments(pbuf* packet) {
    for (const pbuf* p = packet; p != nullptr; p = p->next) add_piece(reinterpret_cast<std::uint64_t>(p->payload), p->len);
    fragments_[fragment_count_ - 1].flags |= static_cast<std::uint16_t>(nic::fragment_flag::last | offload_flags(packet));
}

// The area in which this address lies joins those to be lent. There is room: add_pieces saw to it.
// -> bytes from there to the area's end
std::uint64_t Transmitter::lend_area_of(std::uint64_t address) {
    std::uint64_t area = address & ~std::uint64_t{abi::page_size - 1};  // a received frame has a page of its own
    std::uint64_t bytes = abi::page_size;
    bool of_packet = true;
    if (const auto* own = memory_.find(address); own != nullptr) {
        area = own->address;
        bytes = own->bytes;
    } else if (const SentArea* sent = areas_.find(address); sent != nullptr) {
        area = sent->record.address;
        bytes = sent->bytes();
        of_packet = false;
    }
    lends_packets_ |= of_packet;
    if (std::none_of(lent_, lent_ + area_count_, [&](const auto& lent) { return lent.address == area; }))
        lent_[area_count_++] = {area, static_cast<std::uint32_t>(bytes / abi::page_size),
                                static_cast<std::uint32_t>(abi::DataMode::lend_read)};
    return area + bytes - address;
}

// Which checksums the chip is to fill in: none in the parts of a fragmented datagram.
std::uint16_t Transmitter::offload_flags(const pbuf* packet) const {
    if ((features_ & nic::feature::transmit_checksum) == 0) return 0;
    constexpr unsigned head = SIZEOF_ETH_HDR + IP_HLEN;
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): lwIP sends no empty packet
    if (packet->len < head) return 0;
    const auto* frame = static_cast<const std::uint8_t*>(packet->payload);
    if (frame[12] != 0x08 || frame[13] != 0x00) return 0;
    std::uint16_t flags = nic::fragment_flag::ip_checksum;
    const bool fragment = ((frame[20] & 0x3f) | frame[21]) != 0;
    const std::uint8_t protocol = frame[23];
    if (!fragment && protocol == IP_PROTO_TCP) flags |= nic::fragment_flag::tcp_checksum;
    if (!fragment && protocol == IP_PROTO_UDP) flags |= nic::fragment_flag::udp_checksum;
    return flags;
}

// Short fragments go behind the others' description. What is written before the call leaves is what is sent.
void Transmitter::copy_into(nic::Fragment* fragments, std::uint64_t& end) const {
    std::uint32_t left = in_call_;
    for (nic::Fragment* fragment = fragments; left != 0; ++fragment) {
        if ((fragment->flags & nic::fragment_flag::in_call) == 0) continue;
        __builtin_memcpy(reinterpret_cast<void*>(end), reinterpret_cast<const void*>(fragment->address), fragment->bytes);
        fragment->address = end;
        end += fragment->bytes;
        left -= fragment->bytes;
    }
}

// DataList and nic::Transmit, at the beginning of the parameter area. -> bytes
std::uint32_t Transmitter::write_parameters(std::uint64_t control, std::uint32_t answer) const {
    static_assert(sizeof(abi::DataList) + sizeof lent_ + sizeof(nic::Transmit) + sizeof fragments_ + most_copied <=
                  abi::parameter_capacity);
    auto* list = reinterpret_cast<abi::DataList*>(control + abi::parameter_base);
    list->count = area_count_;
    list->reserved = 0;
    __builtin_memcpy(list->entries, lent_, area_count_ * sizeof lent_[0]);
    auto* transmit = reinterpret_cast<nic::Transmit*>(&list->entries[area_count_]);
    transmit->fragments = fragment_count_;
    transmit->answer = answer;
    __builtin_memcpy(transmit->fragment, fragments_, fragment_count_ * sizeof fragments_[0]);
    auto end = reinterpret_cast<std::uint64_t>(&transmit->fragment[fragment_count_]);
    copy_into(transmit->fragment, end);
    return static_cast<std::uint32_t>(end - control - abi::parameter_base);
}

void Transmitter::flush() {
    if (packet_count_ == 0) return;
    commit_();
    Flight* flight = free_flight();  // there when the batch was begun, and only flush and pass_on take one
    const auto function = driver_->identifier(nic::transmit);
    const auto control = controls::take();
    if (flight == nullptr || !function || !control) {
        if (control) controls::give(*control);
        drop_batch();
        return;
    }
    const std::uint32_t bytes = write_parameters(*control, 0);
    const std::uint32_t flags = area_count_ != 0 ? abi::flag::data_list : 0;
    const sys::Raw sent = sys::raw(sys::Syscall::request_async, sys::pair(*function, flags), *control,
                                   sys::pair(abi::parameter_base, bytes), 0, no_limit);
    if (sent.error != Error::none) {
        controls::give(*control);
        drop_batch();
        return;
    }
    depart(*flight, *control);
}

bool Transmitter::pass_on(Call call, std::uint32_t answer) {
    if (packet_count_ == 0 || lends_packets_) return false;
    const auto function = driver_->identifier(nic::transmit);
    if (!function) return false;
    commit_();
    const std::uint64_t control = call.control();
    const std::uint32_t bytes = write_parameters(control, answer);
    const std::uint32_t flags = abi::flag::direct_return | (area_count_ != 0 ? abi::flag::data_list : 0);
    const sys::Raw sent =
        sys::raw(sys::Syscall::forward, sys::pair(*function, flags), control, sys::pair(abi::parameter_base, bytes), 0);
    if (sent.error != Error::none) return false;
    ++counters_.direct_returns;
    counters_.packets += segments_;
    free_packets();
    return true;
}

void Transmitter::depart(Flight& flight, std::uint64_t control) {
    flight.control = control;
    flight.count = packet_count_;
    counters_.packets += segments_;
    if (!lends_packets_) return free_packets();
    flight.held = packet_count_;
    std::copy_n(packets_, packet_count_, flight.packet);
    clear_batch();
}

void Transmitter::free_packets() {
    for (unsigned i = 0; i < packet_count_; ++i) pbuf_free(packets_[i]);
    clear_batch();
}

void Transmitter::drop_batch() {
    counters_.dropped += segments_;
    free_packets();
}

void Transmitter::release(Flight& flight) {
    const unsigned held = flight.held;
    flight.count = flight.held = 0;
    for (unsigned i = 0; i < held; ++i) pbuf_free(flight.packet[i]);
}

void Transmitter::completed(std::uint64_t control, Error error) {
    for (Flight& flight : flights_) {
        if (flight.count == 0 || flight.control != control) continue;
        if (error != Error::none) counters_.dropped += flight.count;
        release(flight);
        return;
    }
}

bool Transmitter::may_retry() { return refused_ && free_flight() != nullptr && std::exchange(refused_, false); }

}  // namespace ant::inet_server
