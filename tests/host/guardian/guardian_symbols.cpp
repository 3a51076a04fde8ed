#include <ant/abi/symbol_table.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <random>
#include <string>
#include <vector>

using namespace ant;
using namespace ant::abi;

namespace {

void put(std::string& text, std::uint32_t value) { text.append(reinterpret_cast<const char*>(&value), sizeof value); }

// Programs "a" (main at 0x1000..0x1010, then behind a gap draw at 0x1100..0x1300) and "b" (main at 0x20..0x30).
std::string small_table() {
    const std::string bodies{"\x80\x20\x10\x00\xf0\x01\x80\x04\x05\x20\x10\x00", 12};
    const std::string names{"main\0ant::draw\0", 15};
    constexpr std::uint32_t entry_bytes = 40, header_bytes = 16;
    std::string text = "ANTSYMS1";
    put(text, 2);
    put(text, header_bytes + 2 * entry_bytes + static_cast<std::uint32_t>(bodies.size()));
    const auto entry = [&](char name, std::uint32_t at, std::uint32_t count) {
        text += std::string(1, name) + std::string(31, '\0');
        put(text, header_bytes + 2 * entry_bytes + at);
        put(text, count);
    };
    entry('a', 0, 2);
    entry('b', 9, 1);
    return text + bodies + names;
}

Symbols symbols_of(const std::string& text) { return Symbols{std::as_bytes(std::span{text})}; }

std::string place(const Symbols& symbols, const char* program, std::uint64_t address) {
    const auto found = symbols.find(program, address);
    return found ? std::string{found->function} + "+" + std::to_string(found->offset) : "";
}

}  // namespace

TEST_CASE("an address has the name of the function that it is in", "[guardian]") {
    const std::string table = small_table();
    const Symbols symbols = symbols_of(table);
    CHECK(place(symbols, "a", 0x1000) == "main+0");
    CHECK(place(symbols, "a", 0x100f) == "main+15");
    CHECK(place(symbols, "a", 0x1100) == "ant::draw+0");
    CHECK(place(symbols, "a", 0x12ff) == "ant::draw+511");
    CHECK(place(symbols, "b", 0x20) == "main+0");
}

TEST_CASE("an address outside all functions, or of an unknown program, has no name", "[guardian]") {
    const std::string table = small_table();
    const Symbols symbols = symbols_of(table);
    CHECK(place(symbols, "a", 0xfff).empty());
    CHECK(place(symbols, "a", 0x1010).empty());
    CHECK(place(symbols, "a", 0x1300).empty());
    CHECK(place(symbols, "b", 0x1000).empty());
    CHECK(place(symbols, "c", 0x1000).empty());
    CHECK(place(Symbols{}, "a", 0x1000).empty());
}

TEST_CASE("a damaged table is read inside its bounds only", "[guardian]") {
    std::mt19937 random{7};
    for (unsigned round = 0; round < 2000; ++round) {
        std::string table = small_table();
        table.resize(random() % (table.size() + 1));
        for (unsigned i = 0; i < 4 && !table.empty(); ++i) table[random() % table.size()] = static_cast<char>(random());
        table.shrink_to_fit();  // so that the sanitizer sees every byte behind it
        for (const char* program : {"a", "b"}) (void)place(symbols_of(table), program, 0x1000 + random() % 0x300);
    }
}
