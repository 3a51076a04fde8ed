#include "checksum.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <random>
#include <vector>

using namespace ant::inet_server;

namespace {

// As RFC 1071 writes it.
std::uint16_t plain_checksum(const unsigned char* data, std::size_t bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes; i += 2) sum += data[i] | data[i + 1] << 8;
    if (bytes % 2 != 0) sum += data[bytes - 1];
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

}  // namespace

TEST_CASE("the wide checksum is the plain one, at every length and alignment", "[inet]") {
    std::mt19937 random{1};
    std::vector<unsigned char> data(1600);
    for (auto& byte : data) byte = static_cast<unsigned char>(random());
    for (std::size_t start = 0; start < 9; ++start)
        for (std::size_t bytes = 0; bytes < 200; ++bytes)
            REQUIRE(internet_checksum(data.data() + start, bytes) == plain_checksum(data.data() + start, bytes));
    CHECK(internet_checksum(data.data(), 1480) == plain_checksum(data.data(), 1480));
}

TEST_CASE("carries are not lost", "[inet]") {
    const std::vector<unsigned char> ones(65535, 0xff);
    for (const std::size_t bytes : {1u, 2u, 7u, 8u, 31u, 32u, 33u, 1500u, 65535u})
        CHECK(internet_checksum(ones.data(), bytes) == plain_checksum(ones.data(), bytes));
}

TEST_CASE("the keyed hash is SipHash-2-4", "[inet]") {
    // The designers' test vector for 16 bytes 00..0f under key 00..0f.
    const HashKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
    CHECK(keyed_hash(key, 0x0706050403020100, 0x0f0e0d0c0b0a0908) == 0x3f2acc7f57c29bdb);
}

TEST_CASE("another key or message gives another hash", "[inet]") {
    const HashKey key{1, 2};
    CHECK(keyed_hash(key, 1, 1) != keyed_hash(key, 1, 2));
    CHECK(keyed_hash(key, 1, 1) != keyed_hash({1, 3}, 1, 1));
}
