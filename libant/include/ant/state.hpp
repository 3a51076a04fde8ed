// StateArea: the state ICA of a server, with a header by which the next version recognises it.
#pragma once

#include <ant/ica.hpp>
#include <ant/syscalls.hpp>

namespace ant {

struct StateHeader {
    static constexpr std::uint32_t expected_magic = 0x5441'5453;  // "STAT"
    std::uint32_t magic;
    std::uint32_t format;
    std::uint32_t bytes;     // of the state behind this header
    std::uint32_t checksum;  // of the state, written by seal()
};

// FNV-1a over 32-bit words and the bytes left over: catches an area that is not what it says.
std::uint32_t state_checksum(const void* state, std::size_t bytes);

class StateArea {
public:
    // In a server that starts fresh: reserves an area for `bytes` of state and registers it.
    static Result<StateArea> create(std::size_t bytes, std::uint32_t format);
    // In a restore hook: takes over the area of the server before. state_refused unless header, size and
    // checksum are right; the format is for the caller to judge.
    static Result<StateArea> adopt(const sys::State& state);

    [[nodiscard]] std::uint32_t format() const { return header().format; }
    [[nodiscard]] std::size_t bytes() const { return header().bytes; }
    // The state itself; nullptr if a T does not fit into what was registered.
    template <class T>
    [[nodiscard]] T* as() const {
        return sizeof(T) <= bytes() ? reinterpret_cast<T*>(area_.address() + sizeof(StateHeader)) : nullptr;
    }
    // In the save hook: the state is now complete.
    void seal();
    // The area outlives the process: its owner is the slot.
    void keep() { (void)area_.detach(); }

private:
    explicit StateArea(Ica&& area) : area_{std::move(area)} {}
    [[nodiscard]] StateHeader& header() const { return *area_.as<StateHeader>(); }
    Ica area_;
};

}  // namespace ant
