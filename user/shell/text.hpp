// Text of bounded length without a heap. What does not fit is cut off.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace ant::shell {

template <std::size_t Capacity>
class FixedText {
public:
    FixedText() = default;
    explicit FixedText(std::string_view text) { append(text); }

    void clear() { size_ = 0; }
    void append(std::string_view text) {
        const std::size_t n = std::min(text.size(), Capacity - size_);
        std::copy_n(text.begin(), n, text_ + size_);
        size_ += n;
    }
    void append(char c) { append({&c, 1}); }
    // Makes room in front of position `at`. false: full.
    bool insert(std::size_t at, char c) {
        if (size_ == Capacity) return false;
        std::copy_backward(text_ + at, text_ + size_, text_ + size_ + 1);
        text_[at] = c;
        ++size_;
        return true;
    }
    void erase(std::size_t from, std::size_t to) {
        std::copy(text_ + to, text_ + size_, text_ + from);
        size_ -= to - from;
    }
    void truncate(std::size_t size) { size_ = std::min(size_, size); }

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] bool full() const { return size_ == Capacity; }
    [[nodiscard]] std::size_t space() const { return Capacity - size_; }
    [[nodiscard]] char operator[](std::size_t i) const { return text_[i]; }
    [[nodiscard]] std::string_view view() const { return {text_, size_}; }
    // NUL-terminated, for interfaces of C.
    [[nodiscard]] const char* c_str() {
        text_[size_] = 0;
        return text_;
    }

private:
    std::size_t size_ = 0;
    char text_[Capacity + 1] = {};
};

}  // namespace ant::shell
