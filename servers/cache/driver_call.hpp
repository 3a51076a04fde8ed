// A call to a disk driver, from the moment when it is decided on until its result.
#pragma once

#include "block.hpp"
#include "list.hpp"

#include <ant/interface/block.hpp>

namespace ant::cache_server {

enum class DriverCallKind : std::uint8_t {
    read,    // into blocks
    write,   // of blocks
    direct,  // read into the area of a request
    flush,
    units,
};

struct DriverCall : Links {
    static constexpr unsigned max_blocks = abi::max_data_list;

    DriverCallKind kind;
    std::uint8_t driver, disk;
    std::uint16_t count;    // of blocks
    std::uint64_t control;  // by which its result is recognised
    Request* request;       // direct, units
    block::Transfer transfer;
    Block* blocks[max_blocks];
};

// Those that a driver has, by control ICA. The core keeps all control ICAs in one zone.
class UnderWay {
public:
    void add(DriverCall& call) {
        places_[slot(call.control)] = &call;
        ++count_;
    }
    // nullptr: sent by the process before.
    DriverCall* take(std::uint64_t control) {
        DriverCall*& place = places_[slot(control)];
        DriverCall* call = place;
        if (call == nullptr || call->control != control) return nullptr;
        place = nullptr;
        --count_;
        return call;
    }
    [[nodiscard]] unsigned count() const { return count_; }

private:
    static constexpr unsigned zone_pages = 1024;
    static unsigned slot(std::uint64_t control) { return static_cast<unsigned>(control / abi::page_size % zone_pages); }
    DriverCall* places_[zone_pages] = {};
    unsigned count_ = 0;
};

}  // namespace ant::cache_server
