#include "parse.hpp"

#include <algorithm>
#include <charconv>

namespace ant::shell {
namespace {

constexpr bool is_space(char c) { return c == ' ' || c == '\t'; }

// Reads one word after the other from a line.
class Words {
public:
    Words(std::string_view line, Arguments::Storage& storage) : rest_{line}, out_{storage.data()} {}

    // false: no more words. open_quote() tells whether that is regular.
    bool next(std::string_view& word) {
        while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
        if (rest_.empty() || rest_.front() == '#') return false;
        char* const start = out_;
        while (!rest_.empty() && !is_space(rest_.front())) part();
        if (open_quote_) return false;
        word = {start, static_cast<std::size_t>(out_ - start)};
        *out_++ = 0;
        return true;
    }
    [[nodiscard]] bool open_quote() const { return open_quote_; }

private:
    char take() {
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }
    void part() {
        const char c = take();
        if (c == '\'' || c == '"') return quoted(c);
        if (c == '\\' && !rest_.empty()) return put(take());
        put(c);
    }
    void quoted(char quote) {
        while (!rest_.empty()) {
            const char c = take();
            if (c == quote) return;
            const bool escapes = quote == '"' && c == '\\' && !rest_.empty() && (rest_.front() == '"' || rest_.front() == '\\');
            put(escapes ? take() : c);
        }
        open_quote_ = true;
    }
    void put(char c) { *out_++ = c; }

    std::string_view rest_;
    char* out_;
    bool open_quote_ = false;
};

}  // namespace

// The storage suffices: a word takes at most its characters and a NUL, and max_words are taken.
Arguments::Problem Arguments::parse(std::string_view line, Storage& storage) {
    count_ = 0;
    Words words{line.substr(0, max_line), storage};
    std::string_view word;
    while (words.next(word)) {
        words_[count_++] = word;
        if (count_ == max_words) return Problem::too_many;
    }
    return words.open_quote() ? Problem::open_quote : Problem::none;
}

bool Arguments::take_flag(std::string_view flag) {
    if (count_ == 0) return false;
    const auto end = words_.begin() + count_;
    const auto found = std::find(words_.begin() + 1, end, flag);
    if (found == end) return false;
    std::copy(found + 1, end, found);
    --count_;
    return true;
}

Arguments Arguments::without_first(unsigned n) const {
    Arguments rest;
    rest.count_ = count_ - std::min(n, count_);
    std::copy_n(words_.begin() + (count_ - rest.count_), rest.count_, rest.words_.begin());
    return rest;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    const bool hexadecimal = text.starts_with("0x");
    if (hexadecimal) text.remove_prefix(2);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace ant::shell
