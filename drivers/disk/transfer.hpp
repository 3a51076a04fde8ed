// Calls of `read` and `write`, checked: nothing in a caller's page is believed. After `parse` every byte lies inside an area
// that the core has moved or lent with this very call, and the device can reach it.
#pragma once

#include "controller.hpp"

#include <ant/areas_back.hpp>

#include <algorithm>
#include <array>

namespace disk {

using ant::Call;
using ant::Error;
using ant::abi::DataMode;

// The data areas of a call, in order: f(address, bytes) until it returns false.
template <class F>
void for_each_area(Call call, std::uint32_t offset, std::uint32_t bytes, F&& f) {
    if ((call.frame().flags & ant::abi::flag::data_list) == 0) {
        f(call.data() + offset, bytes);
        return;
    }
    for (const auto& entry : call.data_list()) {
        const auto area = std::uint64_t{entry.pages} * ant::abi::page_size;
        const auto part = static_cast<std::uint32_t>(std::min<std::uint64_t>(area, bytes));
        if (part == 0 || !f(entry.address, part)) return;
        bytes -= part;
    }
}

class TransferCall {
public:
    // `pages_of(address)`: of an area that this process owns or has on loan, 0 if it is neither.
    template <class PagesOf>
    static ant::Result<ant::block::Transfer> parse(Call call, Kind kind, PagesOf pages_of) {
        const bool list = (call.frame().flags & ant::abi::flag::data_list) != 0;
        if (list && !complete(call)) return ant::Failure(Error::invalid_argument);
        const auto transfer = list ? call.params_after_list<ant::block::Transfer>() : call.params<ant::block::Transfer>();
        if (!sensible(transfer, kind)) return ant::Failure(Error::invalid_argument);
        const bool fits = list ? list_fits(call, transfer, kind) : area_fits(call, transfer, kind, pages_of(call.data()));
        if (!fits) return ant::Failure(Error::invalid_argument);
        return transfer;
    }

private:
    // Do list and parameters lie inside the parameter area?
    static bool complete(Call call) {
        const std::size_t bytes = call.parameter_bytes();
        if (bytes < sizeof(ant::abi::DataList)) return false;
        const std::size_t areas = call.data_list().size();
        if (areas == 0 || areas > ant::abi::max_data_list) return false;
        return bytes >= sizeof(ant::abi::DataList) + areas * sizeof(ant::abi::DataListEntry) + sizeof(ant::block::Transfer);
    }
    static bool sensible(const ant::block::Transfer& transfer, Kind kind) {
        const std::uint32_t known_flags = kind == Kind::write ? ant::block::transfer_flag::through : 0;
        return (transfer.flags & ~known_flags) == 0 && transfer.bytes != 0 && transfer.bytes <= ant::block::max_transfer_bytes &&
               (transfer.bytes | transfer.offset) % ant::block::sector_bytes == 0;
    }
    // What the device writes to must be writable for us, too.
    static bool mode_fits(std::uint32_t mode, Kind kind) {
        const auto of = static_cast<DataMode>(mode);
        return of == DataMode::move || of == DataMode::lend_write || (of == DataMode::lend_read && kind == Kind::write);
    }
    static bool reachable(std::uint64_t address, std::uint64_t bytes) {
        return address >= ant::abi::ica_base && address - ant::abi::ica_base + bytes <= std::uint64_t{1} << 32;
    }
    static bool area_fits(Call call, const ant::block::Transfer& transfer, Kind kind, std::uint64_t pages) {
        const std::uint64_t bytes = pages * ant::abi::page_size;
        return mode_fits(call.frame().flags & ant::abi::flag::data_mask, kind) && reachable(call.data(), bytes) &&
               std::uint64_t{transfer.offset} + transfer.bytes <= bytes;
    }
    static bool list_fits(Call call, const ant::block::Transfer& transfer, Kind kind) {
        if (transfer.offset != 0) return false;
        const auto moves = [](std::uint32_t mode) { return static_cast<DataMode>(mode) == DataMode::move; };
        std::uint64_t room = 0;
        for (const auto& entry : call.data_list()) {
            if (moves(entry.mode) != moves(call.data_list().front().mode)) return false;
            const std::uint64_t bytes = std::uint64_t{entry.pages} * ant::abi::page_size;
            if (room >= transfer.bytes || !mode_fits(entry.mode, kind) || !reachable(entry.address, bytes)) return false;
            room += bytes;
        }
        return room >= transfer.bytes;
    }
};

// The bytes from..from + bytes of a transfer, as the device sees them.
class Pieces {
public:
    Pieces(Call call, const ant::block::Transfer& transfer, std::uint32_t from, std::uint32_t bytes) {
        for_each_area(call, transfer.offset, transfer.bytes, [&](std::uint64_t address, std::uint32_t area) {
            const std::uint32_t skipped = std::min(from, area);
            from -= skipped;
            const std::uint32_t part = std::min(area - skipped, bytes);
            if (part != 0) pieces_[count_++] = {static_cast<std::uint32_t>(address - ant::abi::ica_base) + skipped, part};
            bytes -= part;
            return bytes != 0;
        });
    }
    [[nodiscard]] std::span<const Piece> all() const { return {pieces_.data(), count_}; }

private:
    std::array<Piece, max_pieces> pieces_;
    std::size_t count_ = 0;
};

}  // namespace disk
