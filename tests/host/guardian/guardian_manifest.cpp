#include <servers/guardian/manifest_reader.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <vector>

using namespace ant;
using namespace ant::guardian_server;

namespace {

constexpr std::size_t header_bytes = 64, segment_bytes = 56;

void put(std::vector<std::byte>& image, std::size_t at, std::uint64_t value, std::size_t bytes) {
    std::memcpy(image.data() + at, &value, bytes);
}

// The least that is an image: ELF header, one program header, one note.
std::vector<std::byte> image_with(const abi::ManifestNote& note) {
    std::vector<std::byte> image(header_bytes + segment_bytes + sizeof note);
    const unsigned char identification[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    std::memcpy(image.data(), identification, sizeof identification);
    put(image, 16, 2, 2);
    put(image, 18, 62, 2);
    put(image, 32, header_bytes, 8);
    put(image, 54, segment_bytes, 2);
    put(image, 56, 1, 2);
    put(image, header_bytes, 4, 4);
    put(image, header_bytes + 8, header_bytes + segment_bytes, 8);
    put(image, header_bytes + 32, sizeof note, 8);
    std::memcpy(image.data() + header_bytes + segment_bytes, &note, sizeof note);
    return image;
}

abi::ManifestNote good_note() {
    abi::ManifestNote note;
    note.manifest.version = 7;
    std::strcpy(note.manifest.name, "inet");
    return note;
}

}  // namespace

TEST_CASE("a manifest is found in its note", "[guardian]") {
    const auto manifest = read_manifest(image_with(good_note()));
    REQUIRE(manifest);
    CHECK(manifest->version == 7);
    CHECK(std::string_view{manifest->name} == "inet");
}

TEST_CASE("a manifest that makes no sense is refused", "[guardian]") {
    auto note = good_note();
    SECTION("unknown layout") { note.manifest.abi_version = 2; }
    SECTION("another size") { note.descriptor_size -= 1; }
    SECTION("another note") { note.type = 2; }
    SECTION("another owner") { note.note_name[0] = 'B'; }
    SECTION("no name") { note.manifest.name[0] = 0; }
    SECTION("endless name") { std::memset(note.manifest.name, 'a', sizeof note.manifest.name); }
    SECTION("endless callees") { std::memset(note.manifest.callees, 'a', sizeof note.manifest.callees); }
    SECTION("impossible priority") { note.manifest.priority = abi::priorities; }
    SECTION("absurd sizes") { note.name_size = note.descriptor_size = 0xffff'ffff; }
    CHECK(read_manifest(image_with(note)).error() == Error::bad_image);
}

TEST_CASE("what is no program image has no manifest", "[guardian]") {
    auto image = image_with(good_note());
    SECTION("magic number") { image[0] = std::byte{0}; }
    SECTION("32 bit") { image[4] = std::byte{1}; }
    SECTION("shared object") { put(image, 16, 3, 2); }
    SECTION("other machine") { put(image, 18, 40, 2); }
    SECTION("program headers outside") { put(image, 32, image.size(), 8); }
    SECTION("program headers that wrap around") { put(image, 32, ~std::uint64_t{0} - 8, 8); }
    SECTION("note outside") { put(image, header_bytes + 8, image.size() - 4, 8); }
    SECTION("note of absurd size") { put(image, header_bytes + 32, ~std::uint64_t{0}, 8); }
    SECTION("no note") { put(image, 56, 0, 2); }
    CHECK(read_manifest(image).error() == Error::bad_image);
}

TEST_CASE("every truncation of an image is survived", "[guardian]") {
    const auto whole = image_with(good_note());
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
        const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes));
        CHECK(!read_manifest(cut));
    }
}
