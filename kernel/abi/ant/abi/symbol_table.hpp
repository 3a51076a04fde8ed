// Names of the functions of the core and of all programs: the file `symbols` of the boot archive, made by
// tools/antlib/symbol_table.py. The guardian reads it for fault records, the core for its panic.
#pragma once

#include <ant/abi/result.hpp>
#include <ant/abi/syscall.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace ant::abi {

namespace symbol_table {

struct Header {
    char magic[8];
    std::uint32_t programs, names;
};
struct Entry {
    char name[name_bytes];
    std::uint32_t functions, count;
};
inline constexpr char expected[] = {'A', 'N', 'T', 'S', 'Y', 'M', 'S', '1'};

template <class T>
inline bool copy(std::span<const std::byte> from, std::size_t offset, T& out) {
    if (from.size() < sizeof(T) || offset > from.size() - sizeof(T)) return false;
    std::memcpy(&out, from.data() + offset, sizeof(T));
    return true;
}

// Up to its NUL, which may be missing.
inline std::string_view text_at(const char* text, std::size_t most) {
    std::size_t length = 0;
    while (length < most && text[length] != 0) ++length;
    return {text, length};
}

// Past the end it reads zeros.
class Varints {
public:
    Varints(std::span<const std::byte> table, std::size_t at) : rest_{at < table.size() ? table.subspan(at) : table.first(0)} {}
    std::uint64_t next() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; !rest_.empty() && shift < 64; shift += 7) {
            const auto byte = static_cast<std::uint64_t>(rest_.front());
            rest_ = rest_.subspan(1);
            value |= (byte & 0x7f) << shift;
            if ((byte & 0x80) == 0) break;
        }
        return value;
    }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }

private:
    std::span<const std::byte> rest_;
};

}  // namespace symbol_table

struct Place {
    std::string_view function;  // in the table's memory
    std::uint64_t offset;
};

// Everything in the table is checked before it is used: a damaged one finds less, or nonsense, but nothing outside.
class Symbols {
public:
    constexpr Symbols() = default;
    explicit Symbols(std::span<const std::byte> table) : table_{table} {}

    // not_found: no such program, or no function of it is there.
    [[nodiscard]] Result<Place> find(std::string_view program, std::uint64_t address) const;

private:
    struct Functions {
        std::size_t at;
        std::uint32_t count;
    };
    [[nodiscard]] Result<Functions> functions_of(std::string_view program) const;
    [[nodiscard]] std::string_view name_at(std::uint64_t offset) const;

    std::span<const std::byte> table_;
};

inline Result<Symbols::Functions> Symbols::functions_of(std::string_view program) const {
    using namespace symbol_table;
    Header header;
    if (!copy(table_, 0, header) || std::memcmp(header.magic, expected, sizeof expected) != 0) return Failure(Error::not_found);
    Entry entry;
    for (std::uint32_t i = 0; i < header.programs; ++i) {
        if (!copy(table_, sizeof header + i * sizeof entry, entry)) break;
        if (program == text_at(entry.name, sizeof entry.name)) return Functions{entry.functions, entry.count};
    }
    return Failure(Error::not_found);
}

inline std::string_view Symbols::name_at(std::uint64_t offset) const {
    using namespace symbol_table;
    Header header;
    if (!copy(table_, 0, header) || header.names > table_.size() || offset > table_.size() - header.names) return {};
    const std::size_t at = header.names + offset;
    const auto* name = reinterpret_cast<const char*>(table_.data() + at);
    return text_at(name, table_.size() - at);
}

inline Result<Place> Symbols::find(std::string_view program, std::uint64_t address) const {
    using namespace symbol_table;
    const Functions functions = ANT_TRY(functions_of(program));
    Varints numbers{table_, functions.at};
    std::uint64_t end = 0;
    for (std::uint32_t i = 0; i < functions.count && !numbers.at_end(); ++i) {
        const std::uint64_t first = end + numbers.next();
        end = first + numbers.next();
        const std::uint64_t name = numbers.next();
        if (address < first) break;
        if (address < end) return Place{name_at(name), address - first};
    }
    return Failure(Error::not_found);
}

}  // namespace ant::abi
