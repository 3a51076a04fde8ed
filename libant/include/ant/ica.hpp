// Ica: move-only owner of a data area.
#pragma once

#include <ant/process.hpp>
#include <ant/syscalls.hpp>

#include <span>
#include <utility>

namespace ant {

constexpr std::size_t pages_for(std::size_t bytes) { return (bytes + abi::page_size - 1) / abi::page_size; }

class Ica {
public:
    Ica() = default;
    Ica(Ica&& other) noexcept : address_{std::exchange(other.address_, 0)}, pages_{std::exchange(other.pages_, 0)} {}
    Ica& operator=(Ica&& other) noexcept {
        if (this != &other) {
            reset();
            address_ = std::exchange(other.address_, 0);
            pages_ = std::exchange(other.pages_, 0);
        }
        return *this;
    }
    ~Ica() { reset(); }

    // Reserves a zeroed, physically contiguous area of at least that many bytes.
    static Result<Ica> reserve(std::size_t bytes) {
        const std::size_t pages = pages_for(bytes);
        const std::uint64_t address = ANT_TRY(sys::ica_reserve(pages));
        return Ica{address, pages};
    }
    // Takes responsibility for an area that this process already owns (received, or inherited).
    static Ica adopt(std::uint64_t address, std::size_t pages) { return Ica{address, pages}; }
    static Result<Ica> adopt(std::uint64_t address) {
        const auto info = ANT_TRY(sys::ica_info(address));
        return Ica{address, info.pages};
    }

    // Gives up responsibility without releasing: the area now belongs to whoever got its address.
    std::uint64_t detach() {
        pages_ = 0;
        return std::exchange(address_, 0);
    }
    void reset() {
        pages_ = 0;
        if (address_ != 0) release(std::exchange(address_, 0));
    }

    explicit operator bool() const { return address_ != 0; }
    [[nodiscard]] std::uint64_t address() const { return address_; }
    [[nodiscard]] std::size_t pages() const { return pages_; }
    [[nodiscard]] std::size_t size() const { return pages_ * abi::page_size; }
    [[nodiscard]] std::uint64_t physical() const { return address_ - abi::ica_base; }
    [[nodiscard]] std::byte* data() const { return reinterpret_cast<std::byte*>(address_); }
    [[nodiscard]] std::span<std::byte> bytes() const { return {data(), size()}; }
    template <class T>
    [[nodiscard]] T* as() const {
        return reinterpret_cast<T*>(address_);
    }

private:
    // An area that is not this process's own was released twice, or given away and kept: that is a contradiction.
    [[gnu::noinline]] static void release(std::uint64_t address) {
        const Result<> released = sys::ica_release(address);
        if (!released && released.error() != Error::on_loan)
            panic("release of area %lx: %s", address, error_text(released.error()));
    }

    Ica(std::uint64_t address, std::size_t pages) : address_{address}, pages_{pages} {}
    std::uint64_t address_ = 0;
    std::size_t pages_ = 0;
};

}  // namespace ant
