#include "file_text.hpp"

#include <ant/process.hpp>

namespace ant::shell {

using file::Type;

file::Type type_of(std::uint32_t mode) {
    switch (mode >> 12 & 017) {  // S_IFMT
        case 001:
            return Type::fifo;
        case 002:
            return Type::character;
        case 004:
            return Type::directory;
        case 006:
            return Type::block;
        case 010:
            return Type::regular;
        case 012:
            return Type::link;
        case 014:
            return Type::socket;
        default:
            return Type::unknown;
    }
}

const char* type_name(Type type) {
    constexpr const char* names[] = {"unknown", "file", "directory", "link", "character", "block", "fifo", "socket"};
    return names[static_cast<unsigned>(type)];
}

std::array<char, 11> mode_text(std::uint32_t mode) {
    constexpr char types[] = "?-dlcbps", bits[] = "rwxrwxrwx";
    std::array<char, 11> text{};
    text[0] = types[static_cast<unsigned>(type_of(mode))];
    for (unsigned i = 0; i < 9; ++i) text[i + 1] = (mode >> (8 - i) & 1) != 0 ? bits[i] : '-';
    if ((mode & 01000) != 0) text[9] = (mode & 1) != 0 ? 't' : 'T';
    return text;
}

// Days to a date as in Howard Hinnant's "chrono-compatible low-level date algorithms": years begin in March.
std::array<char, 20> time_text(std::int64_t ns) {
    const std::int64_t seconds = ns / 1'000'000'000 - (ns % 1'000'000'000 < 0 ? 1 : 0);
    const auto second = static_cast<unsigned>((seconds % 86'400 + 86'400) % 86'400);
    const std::int64_t day = (seconds - second) / 86'400 + 719'468;  // since 0000-03-01
    const std::int64_t era = (day >= 0 ? day : day - 146'096) / 146'097;
    const auto of_era = static_cast<unsigned>(day - era * 146'097);
    const unsigned year = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
    const unsigned of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    std::array<char, 20> text{};
    format(text.data(), text.size(), "%04u-%02u-%02u %02u:%02u:%02u",
           static_cast<unsigned>(year + static_cast<unsigned>(era) * 400 + (month >= 10 ? 1 : 0)),
           month < 10 ? month + 3 : month - 9, of_year - (153 * month + 2) / 5 + 1, second / 3600, second / 60 % 60, second % 60);
    return text;
}

}  // namespace ant::shell
