// Socket: BSD-like sockets for applications, over the functions of inet.
#pragma once

#include <ant/client.hpp>
#include <ant/interface/inet.hpp>

#include <span>

namespace ant {

class Socket {
public:
    Socket() = default;
    Socket(Socket&& other) noexcept : server_{other.server_}, id_{std::exchange(other.id_, none)} {}
    Socket& operator=(Socket&& other) noexcept {
        if (this != &other) {
            close();
            server_ = other.server_;
            id_ = std::exchange(other.id_, none);
        }
        return *this;
    }
    ~Socket() { close(); }

    // The protocol server that sockets are opened at unless told otherwise.
    static Client& default_server();
    static Result<Socket> open(inet::SocketType type, std::uint32_t flags = 0, Client& server = default_server());
    // Takes responsibility for a socket that this process already has.
    static Socket adopt(std::uint32_t id, Client& server = default_server()) { return Socket{server, id}; }
    std::uint32_t detach() { return std::exchange(id_, none); }

    explicit operator bool() const { return id_ != none; }
    [[nodiscard]] std::uint32_t id() const { return id_; }

    Result<> bind(inet::Address address);
    Result<> listen(std::uint32_t backlog);
    Result<Socket> accept(inet::Address* peer = nullptr);
    Result<> connect(inet::Address address);
    Result<> shutdown(inet::ShutdownHow how);
    void close();

    // What is too long to go inline is copied once, into an area that inet gets or, if it is short or has an address, borrows. At
    // most 64 KiB. -> bytes taken
    Result<std::size_t> send(std::span<const std::byte> data, std::uint32_t flags = 0, const inet::Address* to = nullptr);
    // No copy: the area is inet's from now on, and after an error it is gone. -> bytes taken
    Result<std::size_t> send(Ica&& area, std::size_t offset, std::size_t bytes, std::uint32_t flags = 0);
    // -> bytes, 0 at the end of the stream
    Result<std::size_t> receive(std::span<std::byte> data, std::uint32_t flags = 0, inet::Address* from = nullptr);
    // No copy: `area` is filled from its start, at most `bytes`.
    Result<std::size_t> receive(const Ica& area, std::size_t bytes, std::uint32_t flags = 0);

    Result<std::uint64_t> option(inet::Option option) const;
    Result<> set_option(inet::Option option, std::uint64_t value);
    Result<inet::Address> local_address() const;
    Result<inet::Address> peer_address() const;

private:
    Result<std::size_t> receive_inline(std::span<std::byte> data, std::uint32_t flags, inet::Address* from);
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    Socket(Client& server, std::uint32_t id) : server_{&server}, id_{id} {}
    Client* server_ = nullptr;
    std::uint32_t id_ = none;
};

// Waits until one of `entries` is ready or the time is over (~0 = no limit). -> number of entries that are ready
Result<std::size_t> poll(std::span<inet::PollEntry> entries, std::uint64_t timeout_us, Client& server = Socket::default_server());

// First address of a host, by name or as numbers.
Result<std::uint32_t> resolve(const char* name, Client& server = Socket::default_server());

}  // namespace ant
