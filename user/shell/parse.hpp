// Words of a command line: 'as it is', "with \" and \\", \x; a # at the start of a word begins a comment.
#pragma once

#include "history.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ant::shell {

// The words of a command, its name first. They lie in a storage that outlives this object and its copies.
class Arguments {
public:
    static constexpr unsigned max_words = 64;
    using Storage = std::array<char, max_line + max_words>;

    enum class Problem : unsigned char { none, open_quote, too_many };

    // Replaces the content.
    Problem parse(std::string_view line, Storage& storage);

    [[nodiscard]] unsigned size() const { return count_; }
    [[nodiscard]] std::string_view operator[](unsigned i) const { return i < count_ ? words_[i] : std::string_view{}; }
    // NUL-terminated.
    [[nodiscard]] const char* c_str(unsigned i) const { return i < count_ ? words_[i].data() : ""; }
    // Takes the word out, wherever it stands behind the name.
    bool take_flag(std::string_view flag);
    [[nodiscard]] Arguments without_first(unsigned n) const;

private:
    std::array<std::string_view, max_words> words_{};
    unsigned count_ = 0;
};

// Decimal, or hexadecimal with 0x. Nothing else may stand around it.
std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace ant::shell
