// The boot loader's information and the memory map made of it: sound, odd and random.
#include <kernel/arch/x86_64/memory_ranges.hpp>
#include <kernel/arch/x86_64/multiboot.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace ant::arch;

namespace {

constexpr std::uint32_t magic = 0x36d7'6289;
constexpr std::uint64_t page = 4096;

// Boot information as a loader lays it out.
class Information {
public:
    template <class T>
    void add(const T& value) {
        const auto* raw = reinterpret_cast<const std::uint8_t*>(&value);
        bytes_.insert(bytes_.end(), raw, raw + sizeof value);
    }
    void begin(std::uint32_t type) {
        start_ = bytes_.size();
        add(type);
        add(std::uint32_t{0});
    }
    void end() {
        const auto size = static_cast<std::uint32_t>(bytes_.size() - start_);
        std::memcpy(&bytes_[start_ + 4], &size, sizeof size);
        bytes_.resize((bytes_.size() + 7) & ~std::size_t{7});
    }
    void text(std::uint32_t type, const std::string& value) {
        begin(type);
        for (const char c : value) add(c);
        add('\0');
        end();
    }
    struct Entry {
        std::uint64_t base, length;
        std::uint32_t type;
    };
    void memory_map(const std::vector<Entry>& entries) {
        begin(6);
        add(std::uint32_t{24});
        add(std::uint32_t{0});
        for (const Entry& entry : entries) {
            add(entry.base);
            add(entry.length);
            add(entry.type);
            add(std::uint32_t{0});
        }
        end();
    }
    std::vector<std::uint8_t> finish() {
        begin(0);
        end();
        const auto total = static_cast<std::uint32_t>(bytes_.size());
        std::memcpy(bytes_.data(), &total, sizeof total);
        return bytes_;
    }

private:
    std::vector<std::uint8_t> bytes_ = std::vector<std::uint8_t>(8);
    std::size_t start_ = 0;
};

// Read from a copy of exactly that size, so that the sanitizer sees a step too far.
bool read(const std::vector<std::uint8_t>& bytes, BootInfo& info) {
    const auto copy = std::make_unique<std::uint64_t[]>((bytes.size() + 7) / 8);
    std::memcpy(copy.get(), bytes.data(), bytes.size());
    info = {};
    return read_multiboot(magic, reinterpret_cast<std::uint64_t>(copy.get()), info);
}

Information sample() {
    Information information;
    information.text(1, "ioapic debug_exit=1");
    information.text(2, "GRUB 2.06");
    information.begin(3);
    information.add(std::uint32_t{0x200000});
    information.add(std::uint32_t{0x234567});
    information.add('\0');
    information.end();
    information.memory_map({{0, 0x9fc00, 1}, {0x9fc00, 0x400, 2}, {0x100000, 0x3ee0000, 1}, {0x3fe0000, 0x20000, 2}});
    return information;
}

bool sound(const BootInfo& info) {
    if (info.ram_count > max_ram_ranges) return false;
    for (unsigned i = 0; i < info.ram_count; ++i) {
        const MemoryRange& range = info.ram[i];
        if (range.first >= range.end || range.first % page != 0 || range.end % page != 0) return false;
        if (range.first == 0 || range.end > physical_limit) return false;
        if (i > 0 && info.ram[i - 1].end >= range.first) return false;
    }
    return true;
}

}  // namespace

TEST_CASE("boot information of a loader", "[boot]") {
    BootInfo info;
    REQUIRE(read(sample().finish(), info));
    CHECK(std::string(info.command_line) == "ioapic debug_exit=1");
    CHECK(std::string(info.loader) == "GRUB 2.06");
    CHECK(info.module_start == 0x200000);
    CHECK(info.module_end == 0x234567);
    REQUIRE(info.ram_count == 2);
    CHECK(info.ram[0].first == page);
    CHECK(info.ram[0].end == 0x9f000);
    CHECK(info.ram[1].end == 0x3fe0000);
    CHECK(info.framebuffer == 0xb8000);  // a BIOS that says nothing is in text mode
    CHECK(info.framebuffer_height == 25);
}

TEST_CASE("a command line that is too long is cut", "[boot]") {
    Information information = sample();
    information.text(1, std::string(500, 'x'));
    BootInfo info;
    REQUIRE(read(information.finish(), info));
    CHECK(std::string(info.command_line) == std::string(sizeof info.command_line - 1, 'x'));
}

TEST_CASE("what the firmware reserves is not RAM, also when it says both", "[boot]") {
    Information information;
    information.memory_map(
        {{0x200000, 0x10000, 2}, {0x100000, 0x1000000, 1}, {0x300800, 0x10, 3}, {~std::uint64_t{0} - 100, 4096, 1}});
    BootInfo info;
    REQUIRE(read(information.finish(), info));
    REQUIRE(info.ram_count == 3);
    CHECK(info.ram[0].end == 0x200000);
    CHECK(info.ram[1].first == 0x210000);
    CHECK(info.ram[1].end == 0x300000);
    CHECK(info.ram[2].first == 0x301000);
}

TEST_CASE("without a memory map, or by another loader, there is no boot", "[boot]") {
    BootInfo info;
    Information information;
    information.text(1, "x");
    CHECK_FALSE(read(information.finish(), info));
    CHECK_FALSE(read_multiboot(0x2badb002, 0, info));
}

TEST_CASE("UEFI's own memory map serves when there is no other", "[boot]") {
    Information information;
    information.begin(17);
    information.add(std::uint32_t{48});
    information.add(std::uint32_t{1});
    for (const std::uint32_t type : {7U, 0U, 3U, 9U}) {
        static std::uint64_t at = 0x100000;
        information.add(std::uint64_t{type});
        information.add(at);
        information.add(std::uint64_t{0});
        information.add(std::uint64_t{16});
        information.add(std::uint64_t{0});
        information.add(std::uint64_t{0});  // longer than we know it
        at += 16 * page;
    }
    information.end();
    BootInfo info;
    REQUIRE(read(information.finish(), info));
    REQUIRE(info.ram_count == 2);
    CHECK(info.ram[0].first == 0x100000);
    CHECK(info.ram[1].first == 0x120000);
}

TEST_CASE("mutated boot information never harms", "[boot]") {
    const std::vector<std::uint8_t> good = sample().finish();
    std::mt19937 random{20261121};
    for (unsigned round = 0; round < 100'000; ++round) {
        std::vector<std::uint8_t> bad = good;
        for (unsigned changes = 1 + random() % 8; changes > 0; --changes)
            bad[4 + random() % (bad.size() - 4)] = static_cast<std::uint8_t>(random() % 4 == 0 ? 0xff : random());
        BootInfo info;
        if (read(bad, info)) REQUIRE(sound(info));
    }
}

TEST_CASE("memory ranges agree with a map of pages", "[boot]") {
    constexpr unsigned pages = 256;
    std::mt19937 random{7};
    for (unsigned round = 0; round < 2000; ++round) {
        MemoryRange ranges[max_ram_ranges];
        unsigned count = 0;
        MemoryRanges list{ranges, count};
        std::vector<bool> expected(pages);
        bool full = false;
        for (unsigned step = 0; step < 60; ++step) {
            const unsigned first = random() % pages;
            const unsigned end = first + random() % (std::min(pages - first, 12U) + 1);
            const bool add = random() % 3 != 0;
            add ? list.add(first * page, end * page) : list.remove(first * page, end * page);
            for (unsigned i = first; i < end; ++i) expected[i] = add;
            full = full || count == max_ram_ranges;

            std::vector<bool> found(pages);
            for (unsigned i = 0; i < count; ++i) {
                REQUIRE(ranges[i].first < ranges[i].end);
                if (i > 0) REQUIRE(ranges[i - 1].end < ranges[i].first);
                for (std::uint64_t at = ranges[i].first / page; at < ranges[i].end / page; ++at) found[at] = true;
            }
            if (!full) REQUIRE(found == expected);
            for (unsigned i = 0; i < pages; ++i)
                if (found[i]) REQUIRE(expected[i]);
        }
    }
}

TEST_CASE("a full table of ranges leaves the smallest out", "[boot]") {
    MemoryRange ranges[max_ram_ranges];
    unsigned count = 0;
    MemoryRanges list{ranges, count};
    for (unsigned i = 0; i < 2 * max_ram_ranges; ++i) list.add(i * 100 * page, (i * 100 + 1 + i) * page);
    CHECK(count == max_ram_ranges);
    CHECK(ranges[0].first == max_ram_ranges * 100 * page);
    list.remove((max_ram_ranges * 100 + 5) * page, (max_ram_ranges * 100 + 6) * page);
    CHECK(count == max_ram_ranges);
}
