// The cache's outside in the guest: system calls, and the slots of the disk drivers.
#include "host.hpp"

#include "block.hpp"
#include "cache.hpp"
#include "server.hpp"

#include <ant/client.hpp>
#include <ant/ica.hpp>
#include <ant/server.hpp>

#include <array>

namespace ant::cache_server::host {

namespace {

constinit std::array<Client, Cache::drivers> clients{Client{"disk"},   Client{"disk.1"}, Client{"disk.2"}, Client{"disk.3"},
                                                     Client{"disk.4"}, Client{"disk.5"}, Client{"disk.6"}, Client{"disk.7"}};

const Function<block::Transfer>& function(bool write) { return write ? block::write : block::read; }

}  // namespace

std::uint64_t now_ns() { return clock_ns(); }

std::uint64_t take_page() {
    const auto page = sys::ica_reserve(1);
    return page ? *page : 0;
}

Result<std::uint64_t> units(unsigned driver) { return clients[driver].send(block::units); }

Result<std::uint64_t> flush(unsigned driver, std::uint32_t unit) { return clients[driver].send(block::flush, {unit, 0}); }

Result<std::uint64_t> transfer(unsigned driver, bool write, const block::Transfer& transfer, std::uint64_t area) {
    return clients[driver].send(function(write), transfer, {area, write ? abi::DataMode::lend_read : abi::DataMode::lend_write},
                                abi::flag::io_wait);
}

Result<std::uint64_t> transfer_list(unsigned driver, bool write, const block::Transfer& transfer,
                                    std::span<const abi::DataListEntry> areas) {
    return clients[driver].send_list(function(write), areas, transfer, abi::flag::io_wait);
}

bool forward(std::uint64_t control, unsigned driver, bool write, const block::Transfer& transfer, std::uint64_t area,
             bool direct) {
    const auto id = clients[driver].identifier(function(write));
    if (!id) return false;
    // Behind the one extent: if the driver's slot refuses it, what the call asks for is still there.
    cache::Extent* place = &Call{control}.params<cache::Access>().extent[1];
    __builtin_memcpy(static_cast<void*>(place), &transfer, sizeof transfer);
    const auto offset = static_cast<std::uint32_t>(sys::address_of(place) & (abi::page_size - 1));
    const std::uint32_t flags =
        (direct ? abi::flag::direct_return : 0) | abi::flag::io_wait | static_cast<std::uint32_t>(abi::DataMode::move);
    return sys::raw(sys::Syscall::forward, sys::pair(*id, flags), control, sys::pair(offset, sizeof transfer), area).error ==
           Error::none;
}

Error answer(std::uint64_t control, Error error, std::int64_t value, std::uint64_t area) {
    const Result<> answered =
        Server::answer(control, error, value, {area, area != 0 ? abi::DataMode::move : abi::DataMode::none});
    if (answered || answered.error() == Error::abandoned || answered.error() == Error::on_loan)
        return answered ? Error::none : answered.error();
    // The area is the requester's no longer: it shall not wait for it.
    (void)Server::answer(control, answered.error());
    return Error::none;
}

Error answer_disks(std::uint64_t control) {
    (void)Call{control}.reply_with(the_cache().disks());
    return answer(control, Error::none, 0, 0);
}

}  // namespace ant::cache_server::host
