#include "socket_options.hpp"

#include <asm/socket.h>
#include <linux/in.h>
#include <linux/tcp.h>

#include <optional>

#include "descriptors.hpp"
#include "linux_sockets.hpp"

namespace ant::foreign {

namespace {

using inet::Option;

// How the value of an option looks to the program.
enum class Form : std::uint8_t { number, time, linger, error };

struct OptionEntry {
    int level, name;
    Option option;
    Form form;
};

constexpr OptionEntry options[] = {
    {SOL_SOCKET, SO_REUSEADDR, Option::reuse_address, Form::number},
    {SOL_SOCKET, SO_KEEPALIVE, Option::keep_alive, Form::number},
    {SOL_SOCKET, SO_BROADCAST, Option::broadcast, Form::number},
    {SOL_SOCKET, SO_RCVTIMEO, Option::receive_timeout_us, Form::time},
    {SOL_SOCKET, SO_SNDTIMEO, Option::send_timeout_us, Form::time},
    {SOL_SOCKET, SO_RCVBUF, Option::receive_buffer, Form::number},
    {SOL_SOCKET, SO_SNDBUF, Option::send_buffer, Form::number},
    {SOL_SOCKET, SO_LINGER, Option::linger_s, Form::linger},
    {SOL_SOCKET, SO_ERROR, Option::error, Form::error},
    {SOL_SOCKET, SO_TYPE, Option::type, Form::number},
    {SOL_SOCKET, SO_ACCEPTCONN, Option::accepting, Form::number},
    {IPPROTO_TCP, TCP_NODELAY, Option::no_delay, Form::number},
    {IPPROTO_IP, IP_TTL, Option::time_to_live, Form::number},
};

// Of inet's linger_s: lingering is off.
constexpr std::uint64_t linger_off = ~std::uint64_t{0};
constexpr long microseconds_per_second = 1'000'000;

const OptionEntry* find(int level, int name) {
    for (const OptionEntry& entry : options)
        if (entry.level == level && entry.name == name) return &entry;
    return nullptr;
}

template <class T>
std::optional<T> read_value(const void* value, std::size_t bytes) {
    if (value == nullptr || bytes < sizeof(T)) return std::nullopt;
    T result;
    __builtin_memcpy(&result, value, sizeof result);
    return result;
}

// As Linux: what fits, and how much that is.
template <class T>
void write_value(const T& source, void* value, std::uint32_t& bytes) {
    if (bytes > sizeof source) bytes = sizeof source;
    __builtin_memcpy(value, &source, bytes);
}

std::optional<std::uint64_t> wire_value(Form form, const void* value, std::size_t bytes) {
    switch (form) {
        case Form::error:
            return std::nullopt;  // can only be read
        case Form::number:
            if (const auto n = read_value<int>(value, bytes)) return static_cast<std::uint64_t>(*n);
            return std::nullopt;
        case Form::time:
            if (const auto t = read_value<TimeValue>(value, bytes))
                return static_cast<std::uint64_t>(t->seconds * microseconds_per_second + t->microseconds);
            return std::nullopt;
        case Form::linger:
            if (const auto l = read_value<Linger>(value, bytes))
                return l->on != 0 ? static_cast<std::uint64_t>(l->seconds) : linger_off;
            return std::nullopt;
    }
    return std::nullopt;
}

void put_value(Form form, std::uint64_t wire, void* value, std::uint32_t& bytes) {
    switch (form) {
        case Form::number:
            return write_value(static_cast<int>(wire), value, bytes);
        case Form::error:
            return write_value(static_cast<int>(-failure(static_cast<Error>(wire))), value, bytes);
        case Form::linger: {
            const bool on = wire != linger_off;
            return write_value(Linger{on ? 1 : 0, on ? static_cast<int>(wire) : 0}, value, bytes);
        }
        case Form::time: {
            const auto us = static_cast<long>(wire);
            return write_value(TimeValue{us / microseconds_per_second, us % microseconds_per_second}, value, bytes);
        }
    }
}

}  // namespace

Answer call_setsockopt(const Arguments& arguments) {
    OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    if (file->kind != OpenFile::Kind::socket) return -ENOTSOCK;
    const OptionEntry* entry = find(static_cast<int>(arguments.b), static_cast<int>(arguments.c));
    if (entry == nullptr) return -ENOPROTOOPT;
    const auto value = wire_value(entry->form, pointer<const void>(arguments.d), static_cast<std::size_t>(arguments.e));
    return value ? answer(file->socket.set_option(entry->option, *value)) : -EINVAL;
}

Answer call_getsockopt(const Arguments& arguments) {
    OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    if (file->kind != OpenFile::Kind::socket) return -ENOTSOCK;
    const OptionEntry* entry = find(static_cast<int>(arguments.b), static_cast<int>(arguments.c));
    if (entry == nullptr) return -ENOPROTOOPT;
    const auto value = file->socket.option(entry->option);
    if (!value) return failure(value.error());
    put_value(entry->form, *value, pointer<void>(arguments.d), *pointer<std::uint32_t>(arguments.e));
    return 0;
}

}  // namespace ant::foreign
