#include <ant/sockets.hpp>

#include "transfer_area.hpp"

namespace ant {

namespace {

constinit Client default_inet{"inet"};

// What inet's reply may take beyond the time that a caller of poll set.
constexpr std::uint64_t poll_slack_us = 5'000'000;

// From here on what is sent goes in an area of its own, from which it leaves. inet copies shorter pieces together, as it can
// name only so many areas.
constexpr std::size_t moved_bytes = 16 * 1024;

// What fits into the parameter area behind inet::Receive.
constexpr std::size_t inline_receive_bytes = abi::parameter_capacity - sizeof(inet::Receive);

// A number in an answer. inet may have been damaged before it fails: nobody must read or write past a buffer for that.
Result<std::size_t> at_most(std::size_t most, std::int64_t value) {
    if (value < 0 || static_cast<std::uint64_t>(value) > most) return Failure(Error::io_error);
    return static_cast<std::size_t>(value);
}

}  // namespace

Client& Socket::default_server() { return default_inet; }

Result<Socket> Socket::open(inet::SocketType type, std::uint32_t flags, Client& server) {
    const auto opened = ANT_TRY(server.call(inet::socket, {static_cast<std::uint32_t>(type), flags}));
    return Socket{server, opened.result.socket};
}

void Socket::close() {
    if (id_ == none) return;
    (void)server_->call(inet::close, {id_, 0}, {}, no_limit);
    id_ = none;
}

Result<> Socket::bind(inet::Address address) {
    ANT_TRY(server_->call(inet::bind, {id_, 0, address}));
    return {};
}

Result<> Socket::listen(std::uint32_t backlog) {
    ANT_TRY(server_->call(inet::listen, {id_, backlog}));
    return {};
}

Result<Socket> Socket::accept(inet::Address* peer) {
    const auto accepted = ANT_TRY(server_->call(inet::accept, {id_, 0}, {}, no_limit));
    if (accepted.result.socket == id_) return Failure(Error::io_error);  // the call as it was sent
    if (peer != nullptr) *peer = accepted.result.peer;
    return Socket{*server_, accepted.result.socket};
}

Result<> Socket::connect(inet::Address address) {
    ANT_TRY(server_->call(inet::connect, {id_, 0, address}, {}, no_limit));
    return {};
}

Result<> Socket::shutdown(inet::ShutdownHow how) {
    ANT_TRY(server_->call(inet::shutdown, {id_, static_cast<std::uint32_t>(how)}));
    return {};
}

Result<std::size_t> Socket::send(std::span<const std::byte> data, std::uint32_t flags, const inet::Address* to) {
    inet::Send head{id_, flags, to != nullptr ? *to : inet::Address{}, 0, static_cast<std::uint32_t>(data.size())};
    if (to != nullptr) head.flags |= inet::message_flag::to;
    if (data.size() <= inet::inline_bytes) {
        const auto fill = [&](inet::Send& params) {
            params = head;
            if (!data.empty()) __builtin_memcpy(&params + 1, data.data(), data.size());
        };
        return at_most(head.bytes, ANT_TRY(server_->call_in_place(inet::send, fill, head.bytes, {}, no_limit)).value);
    }
    if (data.size() > transfer::area_bytes) data = data.first(transfer::area_bytes);
    if (to == nullptr && data.size() >= moved_bytes) {
        if (auto area = Ica::reserve(data.size())) {
            __builtin_memcpy(area->data(), data.data(), data.size());
            const auto sent = send(std::move(*area), 0, data.size(), flags);
            if (sent || sent.error() != Error::over_quota) return sent;
        }  // else inet takes what it has room for
    }
    const Ica& area = *ANT_TRY(transfer::area());
    head.bytes = static_cast<std::uint32_t>(data.size());
    __builtin_memcpy(area.data(), data.data(), head.bytes);
    return at_most(head.bytes, ANT_TRY(server_->call(inet::send, head, lend_read(area), no_limit)).value);
}

Result<std::size_t> Socket::send(Ica&& area, std::size_t offset, std::size_t bytes, std::uint32_t flags) {
    const inet::Send head{id_, flags, {}, static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(bytes)};
    const std::uint64_t address = area.address();
    const auto sent = server_->call(inet::send, head, move(std::move(area)), no_limit);
    // The answer may be the NIC driver's: its value counts packets. See inet::Send.
    if (sent && sent->data == 0) [[likely]]
        return bytes;
    // What came back, or what the core has not let go; else it is not ours.
    (void)sys::ica_release(sent ? sent->data : address);
    return Failure(sent ? Error::would_block : sent.error());
}

Result<std::size_t> Socket::receive(std::span<std::byte> data, std::uint32_t flags, inet::Address* from) {
    if (data.size() <= inline_receive_bytes) return receive_inline(data, flags, from);
    const Ica& area = *ANT_TRY(transfer::area());
    const std::size_t most = data.size() < area.size() ? data.size() : area.size();
    const inet::Receive params{id_, flags, {}, 0, static_cast<std::uint32_t>(most)};
    const auto received = ANT_TRY(server_->call(inet::recv, params, lend_write(area), no_limit));
    const std::size_t bytes = ANT_TRY(at_most(most, received.value));
    __builtin_memcpy(data.data(), area.data(), bytes);
    if (from != nullptr) *from = received.result.address;
    return bytes;
}

Result<std::size_t> Socket::receive_inline(std::span<std::byte> data, std::uint32_t flags, inet::Address* from) {
    const auto most = static_cast<std::uint32_t>(data.size());
    const auto fill = [&](inet::Receive& params) { params = {id_, flags, {}, 0, most}; };
    const auto received = ANT_TRY(server_->call_in_place(inet::recv, fill, most, {}, no_limit));
    const std::size_t bytes = ANT_TRY(at_most(most, received.value));
    if (bytes != 0) __builtin_memcpy(data.data(), received.result + 1, bytes);
    if (from != nullptr) *from = received.result->address;
    return bytes;
}

Result<std::size_t> Socket::receive(const Ica& area, std::size_t bytes, std::uint32_t flags) {
    const inet::Receive params{id_, flags, {}, 0, static_cast<std::uint32_t>(bytes)};
    return at_most(bytes, ANT_TRY(server_->call(inet::recv, params, lend_write(area), no_limit)).value);
}

Result<std::uint64_t> Socket::option(inet::Option option) const {
    const auto answer = ANT_TRY(server_->call(inet::get_option, {id_, static_cast<std::uint32_t>(option), 0}));
    return answer.result.value;
}

Result<> Socket::set_option(inet::Option option, std::uint64_t value) {
    ANT_TRY(server_->call(inet::set_option, {id_, static_cast<std::uint32_t>(option), value}));
    return {};
}

Result<inet::Address> Socket::local_address() const { return ANT_TRY(server_->call(inet::local_address, {id_, 0})).result; }

Result<inet::Address> Socket::peer_address() const { return ANT_TRY(server_->call(inet::peer_address, {id_, 0})).result; }

Result<std::size_t> poll(std::span<inet::PollEntry> entries, std::uint64_t timeout_us, Client& server) {
    if (entries.size() > inet::max_poll) return Failure(Error::too_many);
    const auto fill = [&](inet::Poll& params) {
        params.timeout_us = timeout_us;
        params.count = static_cast<std::uint32_t>(entries.size());
        params.reserved = 0;
        for (std::size_t i = 0; i < entries.size(); ++i) params.entry[i] = entries[i];
    };
    const bool limited = timeout_us < ~std::uint64_t{0} - poll_slack_us;
    const auto polled = ANT_TRY(server.call_in_place(inet::poll, fill, 0, {}, limited ? timeout_us + poll_slack_us : no_limit));
    for (std::size_t i = 0; i < entries.size(); ++i) entries[i].ready = polled.result->entry[i].ready;
    return at_most(entries.size(), polled.value);
}

Result<std::uint32_t> resolve(const char* name, Client& server) {
    inet::Resolve params{};
    const std::size_t length = __builtin_strlen(name);
    if (length >= sizeof params.name) return Failure(Error::name_unknown);
    __builtin_memcpy(params.name, name, length);
    const auto answer = ANT_TRY(server.call(inet::resolve, params, {}, no_limit));
    if (answer.result.count == 0) return Failure(Error::name_unknown);
    return answer.result.ip[0];
}

}  // namespace ant
