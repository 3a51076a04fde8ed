// cache: the buffer cache (P-ipc 5).
#include <ant/abi/manifest.hpp>
#include <ant/ica.hpp>
#include <ant/interface/block.hpp>
#include <ant/interface/cache.hpp>
#include <ant/server.hpp>

#include <algorithm>
#include <array>
#include <cstring>

ANT_MANIFEST(.version = 1, .name = "cache", .priority = 18, .deadline_us = 250'000, .quota_pages = 8192, .quota_calls = 128,
             .restart = 1, .callees = "disk guardian console");

namespace ant::cache_server {
namespace {

constinit std::array<Client, 8> drivers{Client{"disk"},   Client{"disk.1"}, Client{"disk.2"}, Client{"disk.3"},
                                        Client{"disk.4"}, Client{"disk.5"}, Client{"disk.6"}, Client{"disk.7"}};
constinit std::array<Client*, cache::max_disks> driver_of{};
constinit cache::Disks known{};
constexpr std::uint64_t for_ever = no_limit;

void find_disks() {
    known.count = 0;
    for (Client& driver : drivers) {
        const auto units = driver.call(block::units, {}, {}, for_ever);
        if (!units) continue;
        for (std::uint32_t u = 0; u < units->result.count && known.count < cache::max_disks; ++u) {
            const block::Unit& unit = units->result.unit[u];
            cache::Disk& disk = known.disk[known.count];
            disk = {};
            std::strncpy(disk.driver, driver.slot(), sizeof disk.driver - 1);
            std::memcpy(disk.model, unit.model, sizeof disk.model);
            disk.unit = u;
            disk.flags = unit.flags;
            disk.bytes = unit.sectors * block::sector_bytes;
            driver_of[known.count++] = &driver;
        }
    }
}

const cache::Disk* disk_at(std::uint32_t number) {
    if (number >= known.count) find_disks();
    return number < known.count ? &known.disk[number] : nullptr;
}

Outcome on_disks(Call call) {
    find_disks();
    return call.reply_with(known);
}

Result<> transfer(std::uint32_t disk, const Function<block::Transfer>& function, std::uint64_t position, std::uint32_t bytes,
                  const Ica& buffer) {
    const std::uint64_t first = position / block::sector_bytes;
    const std::uint64_t end = (position + bytes + block::sector_bytes - 1) / block::sector_bytes;
    const block::Transfer what{known.disk[disk].unit, 0, first, 0, static_cast<std::uint32_t>((end - first) * block::sector_bytes)};
    const bool read = function.op == block::read.op;
    ANT_TRY(driver_of[disk]->call(function, what, read ? lend_write(buffer) : lend_read(buffer), for_ever));
    return {};
}

Result<> access(std::uint32_t disk, const cache::Extent& extent, std::byte* data, bool write, const Ica& buffer) {
    for (std::uint64_t done = 0; done < extent.bytes;) {
        const std::uint64_t position = extent.position + done;
        const std::uint32_t inside = position % block::sector_bytes;
        const auto bytes = static_cast<std::uint32_t>(std::min(extent.bytes - done, buffer.size() - block::sector_bytes));
        ANT_TRY(transfer(disk, block::read, position, bytes, buffer));
        if (write) {
            std::memcpy(buffer.data() + inside, data + done, bytes);
            ANT_TRY(transfer(disk, block::write, position, bytes, buffer));
        } else {
            std::memcpy(data + done, buffer.data() + inside, bytes);
        }
        done += bytes;
    }
    return {};
}

Outcome on_access(Call call, bool write) {
    const auto& params = call.params<cache::Access>();
    const std::uint32_t mode = call.frame().flags & abi::flag::data_mask;
    const Data back = mode == static_cast<std::uint32_t>(abi::DataMode::move) ? Data{call.data(), abi::DataMode::move} : Data{};
    Outcome outcome = Error::invalid_argument;
    outcome.data = back;
    const cache::Disk* disk = disk_at(params.disk);
    const auto area = sys::ica_info(call.data());
    if (!area || disk == nullptr || params.count > cache::max_extents ||
        std::uint64_t{params.offset} + params.bytes > area->pages * abi::page_size)
        return outcome;
    auto buffer = Ica::reserve(64 * 1024);
    if (!buffer) {
        outcome.error = buffer.error();
        return outcome;
    }
    auto* data = reinterpret_cast<std::byte*>(call.data() + params.offset);
    for (const cache::Extent& extent : std::span{params.extent, params.count}) {
        Result<> done{};
        if (extent.position == cache::hole)
            std::memset(data, 0, extent.bytes);
        else
            done = access(params.disk, extent, data, write, *buffer);
        if (!done) {
            outcome.error = done.error();
            return outcome;
        }
        data += extent.bytes;
    }
    outcome.error = Error::none;
    outcome.value = params.bytes;
    return outcome;
}

Outcome on_read(Call call) { return on_access(call, false); }
Outcome on_write(Call call) { return on_access(call, true); }

Outcome on_flush(Call call) {
    const std::uint32_t number = call.params<cache::DiskId>().disk;
    const cache::Disk* disk = disk_at(number);
    if (disk == nullptr) return Error::not_found;
    const auto done = driver_of[number]->call(block::flush, {disk->unit, 0}, {}, for_ever);
    return done ? Error::none : done.error();
}

Outcome on_statistics(Call call) { return call.reply_with(cache::Statistics{}); }

}  // namespace
}  // namespace ant::cache_server

int main() {
    using namespace ant;
    using namespace ant::cache_server;
    static Server server{startup().name};
    server.on(cache::disks, on_disks);
    server.on(cache::read, on_read);
    server.on(cache::write, on_write);
    server.on(cache::flush, on_flush);
    server.on(cache::forget, on_flush);
    server.on(cache::statistics, on_statistics);
    panic("cannot serve: %s", error_text(server.run()));
}
