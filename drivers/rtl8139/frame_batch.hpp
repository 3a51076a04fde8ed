// Frames on their way from the chip to inet, and what the two receive interfaces have in common.
#pragma once

#include <ant/abi/control_ica.hpp>
#include <ant/interface/inet.hpp>

#include <cstdint>
#include <cstring>

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

// Frames that go with one `ethinput`. They stay in the chip's hands until the call has been accepted; then `commit`. Short ones
// are copied into the call, and their pages stay.
class FrameBatch {
public:
    explicit FrameBatch(std::uint32_t start) : position{start} {}

    [[nodiscard]] unsigned count() const { return count_; }
    [[nodiscard]] bool full() const { return count_ == ant::inet::max_frames; }
    [[nodiscard]] const ant::inet::Frame& frame(unsigned i) const { return frame_[i]; }
    [[nodiscard]] bool copied(unsigned i) const { return (frame_[i].flags & ant::inet::frame_flag::in_parameters) != 0; }
    [[nodiscard]] const std::byte* start_of(unsigned i) const {
        return reinterpret_cast<const std::byte*>(page_[i] + frame_[i].offset);
    }
    [[nodiscard]] std::uint64_t page(unsigned i) const { return page_[i]; }
    [[nodiscard]] std::uint64_t spare(unsigned i) const { return spare_[i]; }
    [[nodiscard]] unsigned areas() const { return areas_; }

    void add(std::uint64_t page, std::uint16_t offset, const ReceivedFrame& frame, std::uint64_t spare_page) {
        const unsigned i = count_++;
        const bool copy = frame.bytes <= ant::inet::short_frame && frame.bytes <= room_;
        if (copy)
            room_ -= rounded(frame.bytes);
        else
            ++areas_;
        page_[i] = page;
        spare_[i] = spare_page;
        frame_[i] = {offset, static_cast<std::uint16_t>(frame.bytes),
                     frame.flags | (copy ? ant::inet::frame_flag::in_parameters : 0)};
        bytes += frame.bytes;
    }
    // -> bytes of the parameter area
    std::uint32_t write(std::uint64_t parameters, std::uint32_t flags) const {
        auto* list = reinterpret_cast<ant::abi::DataList*>(parameters);
        list->count = 0;
        list->reserved = 0;
        auto* head = reinterpret_cast<ant::inet::EthernetInput*>(&list->entries[areas_]);
        *head = {count_, flags};
        auto* frames = reinterpret_cast<ant::inet::Frame*>(head + 1);
        auto* to = reinterpret_cast<std::byte*>(frames + count_);
        for (unsigned i = 0; i < count_; ++i) {
            frames[i] = frame_[i];
            if (copied(i)) {
                frames[i].offset = static_cast<std::uint16_t>(reinterpret_cast<std::uint64_t>(to) - parameters);
                std::memcpy(to, start_of(i), frame_[i].bytes);
                to += rounded(frame_[i].bytes);
            } else {
                list->entries[list->count++] = {page_[i], 1, static_cast<std::uint32_t>(ant::abi::DataMode::move)};
            }
        }
        return static_cast<std::uint32_t>(reinterpret_cast<std::uint64_t>(to) - parameters);
    }

    std::uint32_t position;  // behind the last frame, in the receiver's own units
    std::uint64_t bytes = 0;

private:
    static constexpr std::uint32_t most_copied = 2560;
    static constexpr std::uint32_t rounded(std::uint32_t bytes) { return (bytes + 7) & ~7u; }
    static_assert(sizeof(ant::abi::DataList) + sizeof(ant::inet::EthernetInput) + most_copied +
                      ant::inet::max_frames * (sizeof(ant::abi::DataListEntry) + sizeof(ant::inet::Frame)) <=
                  ant::abi::parameter_capacity);

    unsigned count_ = 0, areas_ = 0;
    std::uint32_t room_ = most_copied;
    std::uint64_t page_[ant::inet::max_frames];
    std::uint64_t spare_[ant::inet::max_frames];  // empty pages set aside, one for each frame
    ant::inet::Frame frame_[ant::inet::max_frames];
};

}  // namespace rtl8139
