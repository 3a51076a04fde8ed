// Data areas that were moved here to be sent: each is kept until every byte of it has been acknowledged, then
// released, as soon as no driver has it on loan any more.
#pragma once

#include "intrusive_list.hpp"

#include <cstdint>

namespace ant::inet_server {

struct StreamTag;
struct KnownTag;

struct SentArea : Linked<SentArea, StreamTag>, Linked<SentArea, KnownTag> {
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;
    std::uint64_t end = 0;  // position in the stream after its last byte
    bool complete = false;  // `end` is known: all of it has been given to the protocol
    bool retired = false;   // in no stream any more: release when not on loan
};

// All areas that this server holds for sending.
class SentAreas {
public:
    // nullptr when the table is full: then the data must be copied.
    SentArea* add(std::uint64_t address, std::uint64_t bytes) {
        SentArea* area = pool_.take();
        if (area == nullptr) return nullptr;
        area->address = address;
        area->bytes = bytes;
        known_.push_back(area);
        return area;
    }
    // The area that contains this address, or nullptr.
    SentArea* find(std::uint64_t address) {
        if (recent_ != nullptr && contains(*recent_, address)) return recent_;
        for (SentArea* a = known_.front(); a != nullptr; a = known_.after(a))
            if (contains(*a, address)) return recent_ = a;
        return nullptr;
    }
    // Nothing refers to its bytes any more but, perhaps, a driver.
    void retire(SentArea& area) {
        if (!area.retired) ++retired_;
        area.retired = true;
    }
    // Tries `release(address)` -> bool on every retired area.
    template <class Release>
    void collect(Release release) {
        if (retired_ == 0) return;
        for (SentArea* a = known_.front(); a != nullptr;) {
            SentArea* area = a;
            a = known_.after(a);
            if (!area->retired || !release(area->address)) continue;
            if (recent_ == area) recent_ = nullptr;
            known_.remove(area);
            pool_.give(area);
            --retired_;
        }
    }
    // Calls f(address) for each.
    template <class F>
    void each(F f) {
        for (SentArea* a = known_.front(); a != nullptr; a = known_.after(a)) f(a->address);
    }
    [[nodiscard]] unsigned live() const { return pool_.live(); }
    [[nodiscard]] unsigned retired() const { return retired_; }

private:
    static bool contains(const SentArea& area, std::uint64_t address) { return address - area.address < area.bytes; }

    static constexpr unsigned capacity = 512;
    Pool<SentArea, capacity> pool_;
    List<SentArea, KnownTag> known_;
    SentArea* recent_ = nullptr;
    unsigned retired_ = 0;
};

// The areas of one connection, in the order of its bytes.
class AreaStream {
public:
    void push(SentArea& area) { areas_.push_back(&area); }
    // `count` bytes went to the protocol.
    void written(std::uint64_t count) { written_ += count; }
    // Everything of `area` that will be sent has been given to the protocol.
    void complete(SentArea& area, SentAreas& all) {
        area.end = written_;
        area.complete = true;
        retire_acknowledged(all);
    }
    void acknowledged(std::uint64_t count, SentAreas& all) {
        acknowledged_ += count;
        retire_acknowledged(all);
    }
    // The connection is gone.
    void abandon(SentAreas& all) {
        while (SentArea* area = areas_.pop_front()) all.retire(*area);
    }
    [[nodiscard]] bool empty() const { return areas_.empty(); }
    [[nodiscard]] std::uint64_t unacknowledged() const { return written_ - acknowledged_; }

private:
    void retire_acknowledged(SentAreas& all) {
        for (SentArea* a = areas_.front(); a != nullptr && a->complete && a->end <= acknowledged_; a = areas_.front()) {
            areas_.remove(a);
            all.retire(*a);
        }
    }

    List<SentArea, StreamTag> areas_;
    std::uint64_t written_ = 0;
    std::uint64_t acknowledged_ = 0;
};

}  // namespace ant::inet_server
