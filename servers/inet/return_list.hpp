// Pages on their way back to the driver's ring.
#pragma once

#include <cstdint>

namespace ant::inet_server {

// Beyond the bound they are released instead.
class ReturnList {
public:
    static constexpr unsigned capacity = 128;
    bool push(std::uint64_t page) {
        if (count_ == capacity) return false;
        pages_[count_++] = page;
        return true;
    }
    std::uint64_t pop() { return count_ == 0 ? 0 : pages_[--count_]; }
    [[nodiscard]] unsigned count() const { return count_; }

private:
    std::uint64_t pages_[capacity];
    unsigned count_ = 0;
};

}  // namespace ant::inet_server
