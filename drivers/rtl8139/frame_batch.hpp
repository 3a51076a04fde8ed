// Frames on their way from the chip to inet, and what the two receive interfaces have in common.
#pragma once

#include <ant/abi/control_ica.hpp>
#include <ant/interface/inet.hpp>

#include <array>
#include <cstdint>
#include <span>

namespace rtl8139 {

enum class Look : std::uint8_t {
    nothing,  // the chip has not finished the next frame
    frame,
    bad,  // an error that the chip reports, or a length that cannot be
};

struct ReceivedFrame {
    std::uint32_t bytes = 0;  // without checksum
    std::uint32_t flags = 0;  // inet::frame_flag
};

// Frames that go with one `ethinput`. They stay in the chip's hands until the call has been accepted; then `commit`.
struct FrameBatch {
    std::array<ant::abi::DataListEntry, ant::inet::max_frames> area;
    std::array<std::uint64_t, ant::inet::max_frames> spare;  // empty pages set aside, one per frame
    ant::inet::EthernetInput input;
    std::uint32_t position;  // behind the last frame, in the receiver's own units
    std::uint64_t bytes = 0;

    explicit FrameBatch(std::uint32_t start) : position{start} { input.count = 0; }
    [[nodiscard]] std::uint32_t count() const { return input.count; }
    [[nodiscard]] bool full() const { return input.count == ant::inet::max_frames; }
    [[nodiscard]] std::span<const ant::abi::DataListEntry> areas() const { return {area.data(), count()}; }
    [[nodiscard]] std::span<const std::uint64_t> spares() const { return {spare.data(), count()}; }

    void add(std::uint64_t page, std::uint16_t offset, const ReceivedFrame& frame, std::uint64_t spare_page) {
        const std::uint32_t i = input.count++;
        area[i] = {page, 1, static_cast<std::uint32_t>(ant::abi::DataMode::move)};
        spare[i] = spare_page;
        input.frame[i] = {offset, static_cast<std::uint16_t>(frame.bytes), frame.flags};
        bytes += frame.bytes;
    }
};

}  // namespace rtl8139
