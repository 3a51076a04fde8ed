// Data areas with bytes to be sent: moved here, or our own that bytes were copied into. Each is named by a record until
// every byte of it has been acknowledged; then it is released, as soon as no driver has it on loan any more.
#pragma once

#include "index_set.hpp"
#include "intrusive_list.hpp"
#include "state_records.hpp"

#include <algorithm>
#include <cstdint>
#include <span>

namespace ant::inet_server {

struct StreamTag;
struct KnownTag;

struct SentArea : Linked<SentArea, StreamTag>, Linked<SentArea, KnownTag> {
    SendRecord record{};
    unsigned index = 0;  // of its record

    [[nodiscard]] std::uint64_t bytes() const { return std::uint64_t{record.pages} * abi::page_size; }
    [[nodiscard]] std::uint64_t end() const { return record.position + record.length; }
    [[nodiscard]] const std::byte* at(std::uint64_t position) const {
        return reinterpret_cast<const std::byte*>(record.address + record.offset + (position - record.position));
    }
    [[nodiscard]] std::uint32_t room() const {
        return record.copied == 0 ? 0 : static_cast<std::uint32_t>(bytes()) - record.offset - record.length;
    }
};

// All areas that this server holds for sending.
class SentAreas {
public:
    static constexpr unsigned capacity = 768;

    void use_records(const Records<SendRecord>& records) { records_ = records; }

    // From now on the area is ours whatever happens. nullptr: the table is full.
    SentArea* add(const SendRecord& record) {
        SentArea* area = pool_.take();
        if (area == nullptr) return nullptr;
        area->index = numbers_.take();
        area->record = record;
        commit(*area);
        known_.push_back(area);
        return area;
    }
    void commit(const SentArea& area) { records_.commit(area.index, area.record); }
    // After the process before: f(area) finds it its stream, or retires it.
    template <class F>
    void recover(F f) {
        records_.each([&](unsigned index, const SendRecord& record) {
            SentArea* area = pool_.take();
            area->index = index;
            area->record = record;
            numbers_.take(index);
            known_.push_back(area);
            f(*area);
        });
    }

    // The area that contains this address, or nullptr.
    SentArea* find(std::uint64_t address) {
        if (recent_ != nullptr && contains(*recent_, address)) return recent_;
        for (SentArea* a = known_.front(); a != nullptr; a = known_.after(a))
            if (contains(*a, address)) return recent_ = a;
        return nullptr;
    }

    // In no stream any more; nothing refers to its bytes but, perhaps, a driver. Its record stays until the answer to
    // the call that brought it has left.
    void retire(SentArea& area) { retired_.push_back(&area); }
    // After the records of connections have been written, and before the process waits: forgets what was retired
    // before the time before. `release(record)` -> false: on loan, try again.
    template <class Release>
    void collect(Release release) {
        while (SentArea* area = old_.pop_front()) {
            records_.erase(area->index);
            unnamed_.push_back(area);
        }
        while (SentArea* area = retired_.pop_front()) old_.push_back(area);
        for (SentArea* a = unnamed_.front(); a != nullptr;) {
            SentArea* area = a;
            a = unnamed_.after(a);
            if (release(area->record)) remove(*area);
        }
    }
    // How many bytes of that call became part of the stream of `socket`, as far as it is on record.
    [[nodiscard]] std::uint32_t taken_of(std::uint32_t socket, std::uint64_t call) {
        std::uint32_t taken = 0;
        for (SentArea* a = known_.front(); a != nullptr; a = known_.after(a))
            if (a->record.socket == socket && a->record.call == call) taken = std::max(taken, a->record.taken);
        return taken;
    }
    [[nodiscard]] unsigned live() const { return pool_.live(); }

private:
    static bool contains(const SentArea& area, std::uint64_t address) { return address - area.record.address < area.bytes(); }
    void remove(SentArea& area) {
        if (recent_ == &area) recent_ = nullptr;
        List<SentArea, StreamTag>::remove(&area);
        List<SentArea, KnownTag>::remove(&area);
        numbers_.give(area.index);
        pool_.give(&area);
    }

    Records<SendRecord> records_;
    Pool<SentArea, capacity> pool_;
    IndexSet<capacity> numbers_;
    List<SentArea, KnownTag> known_;
    List<SentArea, StreamTag> retired_, old_, unnamed_;
    SentArea* recent_ = nullptr;
};

// The bytes of one connection that are not acknowledged, in areas. Positions are 64 bits wide; the low half is the
// sequence number. [acknowledged, written) is with the protocol, [written, end) waits for room there.
class SendStream {
public:
    void start(std::uint64_t position) { acknowledged_ = written_ = end_ = position; }

    // An area with bytes that follow. Its record says where they are and what they belong to.
    SentArea* push(SentAreas& all, SendRecord record) {
        record.position = end_;
        SentArea* area = all.add(record);
        if (area == nullptr) return nullptr;
        areas_.push_back(area);
        end_ += record.length;
        return area;
    }
    // `count` bytes were copied behind those of the last area, out of a call of which `taken` bytes are here now.
    void grow(SentAreas& all, std::uint32_t count, std::uint64_t call, std::uint32_t taken) {
        SentArea* last = areas_.back();
        last->record.length += count;
        last->record.call = call;
        last->record.taken = taken;
        all.commit(*last);
        end_ += count;
    }
    [[nodiscard]] SentArea* last() { return areas_.back(); }

    // Of what waits: the bytes that lie side by side at its beginning.
    [[nodiscard]] std::span<const std::byte> next() {
        for (SentArea* a = areas_.back(); a != nullptr; a = areas_.before(a))
            if (a->record.position <= written_ && written_ < a->end()) return {a->at(written_), a->end() - written_};
        return {};
    }
    void written(std::uint64_t count) { written_ += count; }
    void acknowledged(std::uint32_t sequence, SentAreas& all) {
        acknowledged_ += sequence - static_cast<std::uint32_t>(acknowledged_);
        if (acknowledged_ > written_) acknowledged_ = written_;  // a FIN has a number as well
        while (SentArea* area = areas_.front()) {
            if (area->end() > acknowledged_) return;
            if (area == areas_.back() && area->room() != 0) return;  // more will be copied into it
            areas_.pop_front();
            all.retire(*area);
        }
    }
    // The connection is gone.
    void abandon(SentAreas& all) {
        while (SentArea* area = areas_.pop_front()) all.retire(*area);
        acknowledged_ = written_ = end_;
    }

    // After the process before: areas in any order, then the first byte that is not acknowledged. False: one is missing.
    void recover(SentArea& area) {
        SentArea* later = nullptr;
        for (SentArea* a = areas_.back(); a != nullptr && a->record.position > area.record.position; a = areas_.before(a))
            later = a;
        areas_.insert_before(&area, later);
    }
    bool recovered(std::uint32_t sequence, SentAreas& all) {
        if (areas_.empty()) {
            start(sequence);
            return true;
        }
        if (static_cast<std::int32_t>(sequence - static_cast<std::uint32_t>(areas_.front()->record.position)) < 0) return false;
        start(areas_.front()->record.position);
        for (const SentArea* a = areas_.front(); a != nullptr; a = areas_.after(const_cast<SentArea*>(a))) {
            if (a->record.position != end_) return false;
            end_ = a->end();
        }
        written_ = end_;
        acknowledged(sequence, all);
        written_ = acknowledged_;
        return true;
    }
    // f(bytes) for what is not acknowledged.
    template <class F>
    void each_unacknowledged(F f) {
        for (SentArea* a = areas_.front(); a != nullptr; a = areas_.after(a)) {
            if (a->end() <= acknowledged_) continue;
            const std::uint64_t from = std::max(a->record.position, acknowledged_);
            f(std::span{a->at(from), a->end() - from});
        }
    }

    [[nodiscard]] bool all_acknowledged() const { return acknowledged_ == end_; }
    [[nodiscard]] bool all_written() const { return written_ == end_; }
    [[nodiscard]] std::uint64_t written() const { return written_; }
    [[nodiscard]] std::uint64_t end() const { return end_; }
    [[nodiscard]] std::uint32_t unacknowledged() const { return static_cast<std::uint32_t>(end_ - acknowledged_); }

private:
    List<SentArea, StreamTag> areas_;
    std::uint64_t acknowledged_ = 0, written_ = 0, end_ = 0;
};

}  // namespace ant::inet_server
