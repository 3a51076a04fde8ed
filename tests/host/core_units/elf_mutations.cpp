// Good program files with some fields changed to what does most harm: none leads out of the file or of a process's
// own half, and nothing is writable and executable. ANT_SEED repeats a run.
#include "support/world.hpp"

#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <random>

using namespace ant;
using namespace ant::test;

namespace {

constexpr unsigned rounds = 300'000;
constexpr std::size_t header_bytes = 64, table_bytes = header_bytes + 3 * 56;

class Mutator {
public:
    explicit Mutator(u64 seed) : random_(seed) {}

    void change(std::vector<std::byte>& file) {
        for (u64 n = 1 + below(5); n != 0; --n) {
            switch (below(4)) {
                case 0:
                    file[below(table_bytes)] ^= std::byte{1} << below(8);
                    break;
                case 1:
                    file[below(table_bytes)] = static_cast<std::byte>(random_());
                    break;
                case 2:
                    put(file, below(table_bytes / 8) * 8, harmful(file.size()));
                    break;
                default:  // one header over another
                    std::copy_n(file.begin() + at(header_bytes + 56 * below(3)), 56,
                                file.begin() + at(header_bytes + 56 * below(3)));
            }
        }
        if (below(8) == 0) file.resize(below(file.size() + 1));
        file.shrink_to_fit();  // so that the sanitizer knows where it ends
    }

private:
    static std::ptrdiff_t at(u64 offset) { return static_cast<std::ptrdiff_t>(offset); }
    u64 below(u64 limit) { return random_() % limit; }
    static void put(std::vector<std::byte>& file, u64 offset, u64 value) {
        std::memcpy(file.data() + offset, &value, sizeof value);
    }
    u64 harmful(u64 bytes) {
        const u64 base[] = {0,
                            bytes,
                            table_bytes,
                            0x400000,
                            0x403000,
                            page_size,
                            u64{1} << 30,
                            u64{1} << 40,
                            u64{1} << 47,
                            abi::ica_base,
                            u64{1} << 63,
                            u64{1} << 32};
        const u64 value = base[below(std::size(base))] + below(3) - 1;
        return below(4) == 0 ? value * page_size : value;
    }

    std::mt19937_64 random_;
};

u64 seed() {
    const char* given = std::getenv("ANT_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
}

const char* wrong_with(const Segment& s, u64 least, u64 file_bytes) {
    if (s.address < least || s.address < program_first) return "address";
    if (s.memory_bytes >= machine::Space::user_end - s.address) return "end";
    if (s.address % page_size != 0 || s.file_offset % page_size != 0) return "alignment";
    if (s.file_bytes > s.memory_bytes) return "less memory than file";
    if (s.file_bytes != 0 && (s.file_offset > file_bytes || s.file_bytes > file_bytes - s.file_offset)) return "outside the file";
    const u64 backed = (s.file_bytes + page_size - 1) & ~u64{page_size - 1};
    if (s.protection != abi::Protection::read_write && backed < s.memory_bytes) return "shared pages that are not the file's";
    return nullptr;
}

const char* wrong_with(const ImageLayout& layout, u64 file_bytes) {
    u64 end = 0;
    bool entry = false;
    if (layout.segment_count == 0 || layout.segment_count > max_segments) return "count";
    for (u32 i = 0; i < layout.segment_count; ++i) {
        const Segment& s = layout.segments[i];
        if (const char* wrong = wrong_with(s, end, file_bytes)) return wrong;
        end = (s.address + s.memory_bytes + page_size - 1) & ~u64{page_size - 1};
        entry |=
            s.protection == abi::Protection::read_execute && layout.entry >= s.address && layout.entry - s.address < s.file_bytes;
    }
    if (layout.end != end) return "end of the layout";
    return entry ? nullptr : "entry outside the code";
}

}  // namespace

TEST_CASE("no mutation of a program file leads anywhere that it must not", "[elf]") {
    const u64 start = seed();
    std::printf("elf_mutations: ANT_SEED=%llu\n", static_cast<unsigned long long>(start));
    std::fflush(stdout);
    Mutator mutator(start);
    const auto good = plain_elf().build();
    unsigned accepted = 0;
    for (unsigned round = 0; round < rounds; ++round) {
        auto file = good;
        mutator.change(file);
        const auto layout = parse_image(file);
        if (!layout) {
            if (layout.error() != Error::bad_image) FAIL("round " << round << ": another error");
            continue;
        }
        ++accepted;
        if (const char* wrong = wrong_with(*layout, file.size())) FAIL("seed " << start << ", round " << round << ": " << wrong);
    }
    CHECK(accepted > rounds / 1000);
    CHECK(accepted < rounds / 2);
}
