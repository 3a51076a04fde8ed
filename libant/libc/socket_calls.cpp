#include "socket_calls.hpp"

#include <linux/fcntl.h>
#include <linux/in.h>

#include "../src/transfer_area.hpp"
#include "linux_sockets.hpp"
#include "socket_address.hpp"

namespace ant::foreign {

namespace {

constexpr std::size_t max_vectors = 1024;

// The socket behind a descriptor, or why not.
struct Lookup {
    OpenFile* file;
    Answer error;
};
Lookup lookup(const Arguments& arguments) {
    OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return {nullptr, -EBADF};
    if (file->kind != OpenFile::Kind::socket) return {nullptr, -ENOTSOCK};
    return {file, 0};
}

Answer add_socket(Socket&& socket, bool stream, int flags) {
    OpenFile file;
    file.kind = OpenFile::Kind::socket;
    file.stream = stream;
    file.flags = O_RDWR | ((flags & socket_type::non_blocking) != 0 ? O_NONBLOCK : 0U);
    file.socket = std::move(socket);
    return descriptors().add(std::move(file), (flags & socket_type::close_on_exec) != 0);
}

std::uint32_t inet_flags(const OpenFile& file, int flags) {
    std::uint32_t result = 0;
    if ((flags & message::dont_wait) != 0 || (file.flags & O_NONBLOCK) != 0) result |= inet::message_flag::dont_wait;
    if ((flags & message::peek) != 0) result |= inet::message_flag::peek;
    if ((flags & message::more) != 0) result |= inet::message_flag::more;
    return result;
}

// A time-out set by SO_RCVTIMEO or SO_SNDTIMEO is not the connection's.
Answer transfer_failure(Error error) { return error == Error::timed_out ? -EAGAIN : failure(error); }

std::size_t total_bytes(const MessageHeader& message) {
    std::size_t total = 0;
    for (std::size_t i = 0; i < message.vector_count; ++i) total += message.vectors[i].iov_len;
    return total;
}

// One after the other as long as each is taken whole.
Answer send_pieces(OpenFile& file, const MessageHeader& message, int flags) {
    Answer total = 0;
    for (std::size_t i = 0; i < message.vector_count; ++i) {
        const struct iovec& piece = message.vectors[i];
        const Answer sent = send(file, {static_cast<const std::byte*>(piece.iov_base), piece.iov_len}, flags, nullptr);
        if (sent < 0) return total != 0 ? total : sent;
        total += sent;
        if (static_cast<std::size_t>(sent) < piece.iov_len) break;
    }
    return total;
}

// A datagram is one packet, whatever pieces it comes in: they meet in the transfer area.
Answer send_gathered(OpenFile& file, const MessageHeader& message, int flags, const inet::Address* to) {
    const auto area = transfer::area();
    if (!area) return failure(area.error());
    std::byte* const buffer = (*area)->data();
    if (total_bytes(message) > (*area)->size()) return -EMSGSIZE;
    std::size_t used = 0;
    for (std::size_t i = 0; i < message.vector_count; ++i) {
        __builtin_memcpy(buffer + used, message.vectors[i].iov_base, message.vectors[i].iov_len);
        used += message.vectors[i].iov_len;
    }
    return send(file, {buffer, used}, flags, to);
}

Answer receive_scattered(OpenFile& file, const MessageHeader& message, int flags, inet::Address* from) {
    const auto area = transfer::area();
    if (!area) return failure(area.error());
    std::byte* const buffer = (*area)->data();
    const std::size_t total = total_bytes(message);
    const Answer received = receive(file, {buffer, total < (*area)->size() ? total : (*area)->size()}, flags, from);
    std::size_t used = 0;
    for (std::size_t i = 0; received > 0 && i < message.vector_count; ++i) {
        const std::size_t left = static_cast<std::size_t>(received) - used;
        const std::size_t bytes = message.vectors[i].iov_len < left ? message.vectors[i].iov_len : left;
        __builtin_memcpy(message.vectors[i].iov_base, buffer + used, bytes);
        used += bytes;
    }
    return received;
}

}  // namespace

Answer call_socket(const Arguments& arguments) {
    if (arguments.a != family::ipv4) return -EAFNOSUPPORT;
    const int type = static_cast<int>(arguments.b) & socket_type::mask;
    const bool stream = type == socket_type::stream;
    if (!stream && type != socket_type::datagram) return -ESOCKTNOSUPPORT;
    const long expected = stream ? IPPROTO_TCP : IPPROTO_UDP;
    if (arguments.c != 0 && arguments.c != expected) return -EPROTONOSUPPORT;
    const int flags = static_cast<int>(arguments.b);
    auto socket = Socket::open(stream ? inet::SocketType::stream : inet::SocketType::datagram,
                               (flags & socket_type::non_blocking) != 0 ? inet::socket_flag::non_blocking : 0);
    if (!socket) return failure(socket.error());
    return add_socket(std::move(*socket), stream, flags);
}

Answer call_bind(const Arguments& arguments) {
    const auto [file, error] = lookup(arguments);
    if (file == nullptr) return error;
    inet::Address address{};
    const Answer bad = read_address(pointer<const void>(arguments.b), static_cast<std::size_t>(arguments.c), address);
    return bad != 0 ? bad : answer(file->socket.bind(address));
}

Answer call_listen(const Arguments& arguments) {
    const auto [file, error] = lookup(arguments);
    if (file == nullptr) return error;
    if (!file->stream) return -EOPNOTSUPP;
    const long backlog = arguments.b < 1 ? 1 : arguments.b;
    return answer(file->socket.listen(static_cast<std::uint32_t>(backlog)));
}

Answer call_accept(const Arguments& arguments, int flags) {
    const auto [file, error] = lookup(arguments);
    if (file == nullptr) return error;
    inet::Address peer{};
    auto accepted = file->socket.accept(&peer);
    if (!accepted) return transfer_failure(accepted.error());
    // A socket that was accepted begins as a blocking one, whatever the listener is.
    const bool non_blocking = (flags & socket_type::non_blocking) != 0;
    (void)accepted->set_option(inet::Option::non_blocking, non_blocking ? 1 : 0);
    write_address(peer, pointer<void>(arguments.b), pointer<std::uint32_t>(arguments.c));
    return add_socket(std::move(*accepted), true, flags);
}

Answer call_connect(const Arguments& arguments) {
    const auto [file, error] = lookup(arguments);
    if (file == nullptr) return error;
    inet::Address address{};
    const Answer bad = read_address(pointer<const void>(arguments.b), static_cast<std::size_t>(arguments.c), address);
    return bad != 0 ? bad : answer(file->socket.connect(address));
}

Answer call_shutdown(const Arguments& arguments) {
    const auto [file, error] = lookup(arguments);
    if (file == nullptr) return error;
    if (arguments.b < 0 || arguments.b > static_cast<long>(inet::ShutdownHow::both)) return -EINVAL;
    return answer(file->socket.shutdown(static_cast<inet::ShutdownHow>(arguments.b)));
}

// A blocking stream takes everything; what went before an error counts.
Answer send(OpenFile& file, std::span<const std::byte> data, int flags, const inet::Address* to) {
    const std::uint32_t how = inet_flags(file, flags);
    const bool whole = file.stream && (how & inet::message_flag::dont_wait) == 0;
    std::size_t total = 0;
    do {
        const auto sent = file.socket.send(data.subspan(total), how, to);
        if (!sent) return total != 0 ? static_cast<Answer>(total) : transfer_failure(sent.error());
        total += *sent;
        if (*sent == 0) break;
    } while (whole && total < data.size());
    return static_cast<Answer>(total);
}

Answer receive(OpenFile& file, std::span<std::byte> data, int flags, inet::Address* from) {
    const std::uint32_t how = inet_flags(file, flags);
    const bool whole = file.stream && (flags & message::wait_all) != 0 && (flags & message::peek) == 0;
    std::size_t total = 0;
    do {
        const auto received = file.socket.receive(data.subspan(total), how, from);
        if (!received) return total != 0 ? static_cast<Answer>(total) : transfer_failure(received.error());
        total += *received;
        if (*received == 0) break;
    } while (whole && total < data.size());
    return static_cast<Answer>(total);
}

Answer call_sendto(const Arguments& arguments) {
    const auto [file, error] = lookup(arguments);
    if (file == nullptr) return error;
    const std::span data{pointer<const std::byte>(arguments.b), static_cast<std::size_t>(arguments.c)};
    inet::Address to{};
    if (arguments.e == 0) return send(*file, data, static_cast<int>(arguments.d), nullptr);
    const Answer bad = read_address(pointer<const void>(arguments.e), static_cast<std::size_t>(arguments.f), to);
    return bad != 0 ? bad : send(*file, data, static_cast<int>(arguments.d), file->stream ? nullptr : &to);
}

Answer call_recvfrom(const Arguments& arguments) {
    const auto [file, error] = lookup(arguments);
    if (file == nullptr) return error;
    inet::Address from{};
    const Answer received = receive(*file, {pointer<std::byte>(arguments.b), static_cast<std::size_t>(arguments.c)},
                                    static_cast<int>(arguments.d), &from);
    if (received >= 0 && !file->stream) write_address(from, pointer<void>(arguments.e), pointer<std::uint32_t>(arguments.f));
    return received;
}

Answer call_sendmsg(const Arguments& arguments) {
    const auto [file, error] = lookup(arguments);
    if (file == nullptr) return error;
    const auto& message = *pointer<const MessageHeader>(arguments.b);
    const int flags = static_cast<int>(arguments.c);
    if (message.vector_count > max_vectors) return -EMSGSIZE;
    if (file->stream) return send_pieces(*file, message, flags);
    if (message.name == nullptr) return send_gathered(*file, message, flags, nullptr);
    inet::Address to{};
    const Answer bad = read_address(message.name, message.name_bytes, to);
    return bad != 0 ? bad : send_gathered(*file, message, flags, &to);
}

Answer call_recvmsg(const Arguments& arguments) {
    const auto [file, error] = lookup(arguments);
    if (file == nullptr) return error;
    auto& message = *pointer<MessageHeader>(arguments.b);
    if (message.vector_count > max_vectors) return -EMSGSIZE;
    inet::Address from{};
    const Answer received = receive_scattered(*file, message, static_cast<int>(arguments.c), &from);
    if (received < 0) return received;
    if (file->stream)
        message.name_bytes = 0;
    else
        write_address(from, message.name, &message.name_bytes);
    message.control_bytes = 0;
    message.flags = 0;
    return received;
}

Answer call_getsockname(const Arguments& arguments) {
    const auto [file, error] = lookup(arguments);
    if (file == nullptr) return error;
    const auto address = file->socket.local_address();
    if (!address) return failure(address.error());
    write_address(*address, pointer<void>(arguments.b), pointer<std::uint32_t>(arguments.c));
    return 0;
}

Answer call_getpeername(const Arguments& arguments) {
    const auto [file, error] = lookup(arguments);
    if (file == nullptr) return error;
    const auto address = file->socket.peer_address();
    if (!address) return failure(address.error());
    write_address(*address, pointer<void>(arguments.b), pointer<std::uint32_t>(arguments.c));
    return 0;
}

}  // namespace ant::foreign
