// A disk of the buffer cache.
#pragma once

#include "disk.hpp"

#include <ant/client.hpp>

namespace ant::file_server {

extern constinit Client buffer_cache;

// The number has been given, and means the disk that it was given to.
bool usable(const cache::Disks& known, std::uint32_t number);

class CacheDisk final : public Disk {
public:
    void use(std::uint32_t number) {
        number_ = number;
        gone_ = false;
    }
    [[nodiscard]] std::uint32_t number() const { return number_; }
    // The cache knows this number no more.
    [[nodiscard]] bool gone() const { return gone_; }

    Result<> read(Memory to, std::span<const Extent> extents) override;
    Result<> write(Memory from, std::span<const Extent> extents, bool through) override;
    Result<> flush() override;
    using Disk::read;
    using Disk::write;

private:
    Result<> transfer(const Function<cache::Access>& function, Memory memory, std::span<const Extent> extents,
                      std::uint32_t flags, abi::DataMode mode);
    Failure failed();
    std::uint32_t number_ = 0;
    bool gone_ = false;
};

// Fills an access for this disk, but its offset and bytes.
void fill(cache::Access& access, std::uint32_t disk, std::uint32_t flags, std::span<const Extent> extents);

}  // namespace ant::file_server
