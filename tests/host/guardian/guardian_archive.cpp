#include <servers/guardian/archive.hpp>

#include <catch2/catch.hpp>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

using namespace ant;
using namespace ant::guardian_server;

namespace {

constexpr std::size_t block = 512;

// An archive as text, put together file by file.
class Archive {
public:
    Archive& add(const std::string& name, std::size_t bytes, char type = '0') {
        std::string header(block, '\0');
        header.replace(0, name.size(), name);
        put_octal(header, 124, 12, bytes);
        header[156] = type;
        header.replace(257, 5, "ustar");
        seal(header);
        text_ += header;
        text_ += std::string((bytes + block - 1) / block * block, 'x');
        return *this;
    }
    Archive& end() {
        text_ += std::string(2 * block, '\0');
        return *this;
    }
    static void put_octal(std::string& header, std::size_t at, std::size_t width, std::size_t value) {
        char digits[16];
        std::snprintf(digits, sizeof digits, "%0*zo", static_cast<int>(width - 1), value);
        header.replace(at, width - 1, digits);
    }
    static void seal(std::string& header) {
        header.replace(148, 8, 8, ' ');
        unsigned sum = 0;
        for (const char c : header) sum += static_cast<unsigned char>(c);
        char digits[8];
        std::snprintf(digits, sizeof digits, "%06o", sum);
        header.replace(148, 7, digits, 7);
    }
    std::string& text() { return text_; }
    [[nodiscard]] ArchiveReader reader() const { return ArchiveReader{std::as_bytes(std::span{text_})}; }

private:
    std::string text_;
};

std::vector<std::string> names(ArchiveReader reader, Error& end) {
    std::vector<std::string> result;
    for (;;) {
        const auto entry = reader.next();
        if (!entry) {
            end = entry.error();
            return result;
        }
        result.emplace_back(entry->name);
    }
}

}  // namespace

TEST_CASE("the archive's files come in order, with their place", "[guardian]") {
    Archive archive;
    archive.add("boot/inet", 700).add("rtl8139@2", 0).end();
    auto reader = archive.reader();
    auto entry = reader.next();
    REQUIRE(entry);
    CHECK(entry->name == "inet");
    CHECK(entry->offset == block);
    CHECK(entry->bytes == 700);
    entry = reader.next();
    REQUIRE(entry);
    CHECK(entry->name == "rtl8139@2");
    CHECK(entry->offset == 4 * block);
    CHECK(entry->bytes == 0);
    CHECK(reader.next().error() == Error::not_found);
}

TEST_CASE("folders of an archive are passed over", "[guardian]") {
    Archive archive;
    archive.add("boot/", 0, '5').add("web", 1).end();
    Error end{};
    CHECK(names(archive.reader(), end) == std::vector<std::string>{"web"});
    CHECK(end == Error::not_found);
}

TEST_CASE("an archive without its end marker keeps its files", "[guardian]") {
    Archive archive;
    archive.add("web", 512);
    Error end{};
    CHECK(names(archive.reader(), end).size() == 1);
    CHECK(end == Error::not_found);
}

TEST_CASE("a damaged header ends the walk", "[guardian]") {
    Archive archive;
    archive.add("a", 10).add("b", 10).end();
    archive.text()[2 * block] = 'c';
    Error end{};
    CHECK(names(archive.reader(), end) == std::vector<std::string>{"a"});
    CHECK(end == Error::bad_image);
}

TEST_CASE("contents may not reach past the archive", "[guardian]") {
    for (const std::size_t bytes : {std::size_t{513}, std::size_t{1} << 32, std::size_t{077777777777}}) {
        Archive archive;
        archive.add("a", 512);
        std::string& text = archive.text();
        std::string header = text.substr(0, block);
        Archive::put_octal(header, 124, 12, bytes);
        Archive::seal(header);
        text.replace(0, block, header);
        Error end{};
        CHECK(names(archive.reader(), end).empty());
        CHECK(end == Error::bad_image);
    }
}

TEST_CASE("every truncation and every flipped byte of an archive is survived", "[guardian]") {
    Archive archive;
    archive.add("inet", 1000).add("echo", 100).add("web", 512).end();
    const std::string whole = archive.text();
    Error end{};
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
        // A copy of that length exactly, so that the sanitizer sees each byte read past it.
        const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes));
        names(ArchiveReader{std::as_bytes(std::span{cut})}, end);
    }
    for (std::size_t i = 0; i < whole.size(); ++i) {
        std::string broken = whole;
        broken[i] = static_cast<char>(broken[i] ^ 0xff);
        names(ArchiveReader{std::as_bytes(std::span{broken})}, end);
    }
}
