// A machine around the driver: memory at the addresses of the ICA window, the chip's model, an inet that
// takes frames and gives pages back, and callers of `transmit`.
#pragma once

#include "drivers/rtl8139/driver.hpp"
#include "drivers/rtl8139/state_conversion.hpp"
#include "tests/host/model/rtl8139_chip.hpp"

#include <ant/abi/control_ica.hpp>

#include <catch2/catch.hpp>
#include <sys/mman.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

namespace rtl8139::test {

using ant::Error;
using model::Bytes;

// Pages of "physical" memory where the driver and the chip see them in the running system.
class Arena {
public:
    static constexpr std::uint64_t first = ant::abi::ica_base + 0x10'0000;
    static constexpr std::size_t pages = 4096;

    Arena() {
        void* at = mmap(reinterpret_cast<void*>(first), pages * ant::abi::page_size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (at != reinterpret_cast<void*>(first)) throw std::runtime_error("no memory at the ICA window");
    }
    ~Arena() { munmap(reinterpret_cast<void*>(first), pages * ant::abi::page_size); }
    Arena(const Arena&) = delete;

    std::uint64_t take(std::size_t count) {
        if (exhausted) return 0;
        for (std::size_t start = 0, run = 0, i = 0; i < pages; ++i) {
            run = used_[i] ? 0 : run + 1;
            if (run == 1) start = i;
            if (run < count) continue;
            for (std::size_t k = start; k <= i; ++k) used_[k] = true;
            const std::uint64_t address = first + start * ant::abi::page_size;
            areas_[address] = count;
            std::memset(reinterpret_cast<void*>(address), 0, count * ant::abi::page_size);
            return address;
        }
        return 0;
    }
    void release(std::uint64_t address) {
        const auto area = areas_.find(address);
        if (area == areas_.end()) throw std::runtime_error("release of an area that is not there");
        for (std::size_t i = 0; i < area->second; ++i) used_[(address - first) / ant::abi::page_size + i] = false;
        areas_.erase(area);
    }
    [[nodiscard]] std::size_t areas() const { return areas_.size(); }
    [[nodiscard]] static model::Memory memory() {
        return {ant::abi::ica_base, first - ant::abi::ica_base, first - ant::abi::ica_base + pages * ant::abi::page_size};
    }
    bool exhausted = false;

private:
    std::array<bool, pages> used_{};
    std::map<std::uint64_t, std::size_t> areas_;
};

struct Answer {
    Error error;
    std::int64_t value;
};

struct TestHost {
    Arena& arena;
    explicit TestHost(Arena& a) : arena{a} {}
    Error deliver_error = Error::none, attach_error = Error::none;
    std::uint64_t clock = 1'000;
    std::map<std::uint64_t, Answer> answers;  // by control ICA
    std::vector<Bytes> frames;                // as inet got them
    std::vector<std::uint32_t> frame_flags;
    std::vector<std::uint32_t> input_flags;          // of each ethinput
    std::vector<std::vector<std::uint64_t>> inputs;  // pages of each ethinput without result
    std::vector<ant::inet::Attach> attaches;

    std::uint64_t take_area(std::size_t pages) { return arena.take(pages); }
    void free_area(std::uint64_t address) { arena.release(address); }
    Error deliver(const FrameBatch& batch, std::uint32_t flags) {
        if (deliver_error != Error::none) return deliver_error;
        std::uint64_t parameters[ant::abi::parameter_capacity / sizeof(std::uint64_t)] = {};
        const auto start = reinterpret_cast<std::uint64_t>(parameters);
        REQUIRE(batch.write(start, flags) <= sizeof parameters);
        const auto& list = *reinterpret_cast<const ant::abi::DataList*>(parameters);
        const auto& input = *reinterpret_cast<const ant::inet::EthernetInput*>(&list.entries[list.count]);
        REQUIRE(list.count == batch.areas());
        REQUIRE(input.count == batch.count());
        std::vector<std::uint64_t> pages;
        for (const auto& frame : std::span{reinterpret_cast<const ant::inet::Frame*>(&input + 1), input.count}) {
            const bool copied = (frame.flags & ant::inet::frame_flag::in_parameters) != 0;
            const std::uint64_t lies_in = copied ? start : list.entries[pages.size()].address;
            const auto* at = reinterpret_cast<const std::uint8_t*>(lies_in) + frame.offset;
            frames.emplace_back(at, at + frame.bytes);
            frame_flags.push_back(frame.flags & ~ant::inet::frame_flag::in_parameters);
            if (copied) continue;
            REQUIRE(list.entries[pages.size()].mode == static_cast<std::uint32_t>(ant::abi::DataMode::move));
            std::memset(reinterpret_cast<void*>(lies_in), 0xee, ant::abi::page_size);  // it is inet's now
            pages.push_back(lies_in);
        }
        REQUIRE(pages.size() == list.count);
        inputs.push_back(pages);
        input_flags.push_back(flags);
        return Error::none;
    }
    Error attach(const ant::inet::Attach& card) {
        if (attach_error == Error::none) attaches.push_back(card);
        return attach_error;
    }
    void answer(std::uint64_t control, Error error, std::int64_t value) {
        REQUIRE(answers.count(control) == 0);
        answers[control] = {error, value};
    }
    std::uint64_t now_us() const { return clock; }
    void pause_us(std::uint64_t us) { clock += us; }
};

// One `transmit` call: a control ICA, and one lent area with the packets' bytes.
class TransmitCall {
public:
    TransmitCall(Arena& arena, std::size_t area_pages = 16)
        : arena_{arena}, control_{arena.take(1)}, area_{arena.take(area_pages)} {
        entries_.push_back(
            {area_, static_cast<std::uint32_t>(area_pages), static_cast<std::uint32_t>(ant::abi::DataMode::lend_read)});
    }
    ~TransmitCall() {
        arena_.release(control_);
        arena_.release(area_);
    }
    TransmitCall(const TransmitCall&) = delete;

    [[nodiscard]] std::uint64_t control() const { return control_; }
    [[nodiscard]] std::uint64_t area() const { return area_; }
    std::vector<ant::nic::Fragment>& fragments() { return fragments_; }
    std::vector<ant::abi::DataListEntry>& entries() { return entries_; }
    const std::vector<Bytes>& packets() const { return packets_; }

    // Adds a packet in `pieces` fragments.
    TransmitCall& packet(const Bytes& bytes, std::size_t pieces = 1, std::uint16_t flags = 0, std::uint16_t mss = 0) {
        const std::size_t piece = (bytes.size() + pieces - 1) / pieces;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            const std::size_t count = std::min(piece, bytes.size() - at);
            std::memcpy(reinterpret_cast<void*>(area_ + used_), bytes.data() + at, count);
            fragments_.push_back({area_ + used_, static_cast<std::uint32_t>(count), 0, 0});
            used_ += count + 3;  // fragments need not be aligned
        }
        fragments_.back().flags = static_cast<std::uint16_t>(flags | ant::nic::fragment_flag::last);
        fragments_.back().mss = mss;
        packets_.push_back(bytes);
        return *this;
    }
    // Short fragments lie in the call, as long as it has room for them; what lay in the area before is overwritten.
    TransmitCall& short_ones_in_call() {
        std::size_t room = most_in_call;
        for (auto& fragment : fragments_) {
            if (fragment.bytes > ant::nic::most_in_call || fragment.bytes > room) continue;
            room -= fragment.bytes;
            const auto* at = reinterpret_cast<const std::uint8_t*>(fragment.address);
            in_call_.emplace_back(at, at + fragment.bytes);
            fragment.flags |= ant::nic::fragment_flag::in_call;
            std::memset(reinterpret_cast<void*>(fragment.address), 0xee, fragment.bytes);
        }
        return *this;
    }
    // Writes the page as the core and the caller would.
    ant::Call call() {
        auto& page = *reinterpret_cast<ant::abi::ControlIca*>(control_);
        page.currentp = reinterpret_cast<std::uint64_t>(&page.frames[0]);
        page.frames[0] = {};
        page.frames[0].flags = entries_.empty() ? 0 : ant::abi::flag::data_list;
        page.frames[0].parameters = control_ + ant::abi::parameter_base;
        auto* list = reinterpret_cast<ant::abi::DataList*>(control_ + ant::abi::parameter_base);
        list->count = static_cast<std::uint32_t>(entries_.size());
        std::memcpy(list->entries, entries_.data(), entries_.size() * sizeof entries_[0]);
        auto* head = reinterpret_cast<ant::nic::Transmit*>(list->entries + entries_.size());
        head->fragments = static_cast<std::uint32_t>(fragments_.size());
        std::memcpy(head->fragment, fragments_.data(), fragments_.size() * sizeof fragments_[0]);
        auto end = reinterpret_cast<std::uint64_t>(head->fragment + fragments_.size());
        std::size_t next = 0;
        for (std::size_t i = 0; next != in_call_.size(); ++i) {
            if ((fragments_[i].flags & ant::nic::fragment_flag::in_call) == 0) continue;
            head->fragment[i].address = end;
            std::memcpy(reinterpret_cast<void*>(end), in_call_[next].data(), in_call_[next].size());
            end += in_call_[next++].size();
        }
        page.frames[0].parameter_bytes = static_cast<std::uint32_t>(end - page.frames[0].parameters);
        return ant::Call{control_};
    }

private:
    Arena& arena_;
    std::uint64_t control_, area_;
    std::size_t used_ = 0;
    std::vector<ant::abi::DataListEntry> entries_;
    std::vector<ant::nic::Fragment> fragments_;
    std::vector<Bytes> packets_;
    static constexpr std::size_t most_in_call = 768;
    std::vector<Bytes> in_call_;
};

inline Bytes frame_of(std::size_t bytes, unsigned seed) {
    Bytes frame(bytes);
    std::minstd_rand random{seed + 1};
    for (auto& byte : frame) byte = static_cast<std::uint8_t>(random());
    static constexpr std::uint8_t own[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    std::memcpy(frame.data(), own, sizeof own);
    return frame;
}

template <class State>
using DriverOf = Driver<model::Chip, TestHost, State>;

// The whole machine, with a driver for state layout `State`.
template <class State = StateFormat1>
struct Machine {
    Arena arena;
    model::Chip chip{Arena::memory()};
    TestHost host{arena};
    std::uint64_t state_area = arena.take(state_pages);
    State& state = *reinterpret_cast<State*>(state_area);
    std::unique_ptr<DriverOf<State>> driver = std::make_unique<DriverOf<State>>(chip, host, state);

    explicit Machine(bool classic = false, bool attached = true) {
        REQUIRE(driver->reset_chip());
        REQUIRE(driver->start(classic) == Error::none);
        if (!attached) return;
        (void)driver->before_receive();
        REQUIRE(host.attaches.size() == 1);
        driver->attached(Error::none);
    }
    // The line as the core delivers it, until it is quiet.
    void interrupts() {
        for (unsigned i = 0; chip.line(); ++i) {
            REQUIRE(i < 100);
            driver->interrupt();
            settle();
        }
        settle();
    }
    // Receives until the driver would wait.
    std::uint64_t settle() {
        for (unsigned i = 0; i < 100; ++i) {
            const std::uint64_t wait = driver->before_receive();
            if (wait != ant::abi::poll) return wait;
        }
        FAIL("the driver never comes to rest");
        return 0;
    }
    // inet answers its oldest ethinput, giving back all pages or as many.
    void input_done(std::size_t back = ~std::size_t{0}, Error error = Error::none) {
        auto pages = host.inputs.front();
        host.inputs.erase(host.inputs.begin());
        while (pages.size() > back) {
            arena.release(pages.back());
            pages.pop_back();
        }
        if (error != Error::none) {
            for (const auto page : pages) arena.release(page);
            pages.clear();
        }
        driver->delivered(error, pages);
    }
    void inputs_done() {
        while (!host.inputs.empty()) input_done();
    }
    // Every page has one owner, and the driver none too many.
    void check_pages() const {
        std::set<std::uint64_t> seen;
        const auto once = [&](std::uint64_t page) { REQUIRE(seen.insert(page).second); };
        if (state.mode == Mode::cplus)
            for (const auto page : state.page) once(page);
        for (std::uint32_t i = 0; i < state.reserve_count; ++i) once(state.reserve[i]);
        for (const auto& input : host.inputs)
            for (const auto page : input) once(page);
    }
};

}  // namespace rtl8139::test
