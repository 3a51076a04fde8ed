// What format 2 of the state says of a connection, format 3 says as well; and a table in either of them.
#include "connection_records.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <random>

using namespace ant::inet_server;

namespace {

template <class T>
T random_record(std::mt19937_64& random) {
    unsigned char bytes[sizeof(T)];
    for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random());
    T record;
    std::memcpy(&record, bytes, sizeof record);
    return record;
}

template <class T>
bool same(const T& a, const T& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace

TEST_CASE("nothing of a connection is lost between the formats", "[inet]") {
    std::mt19937_64 random{1};
    for (int i = 0; i < 1000; ++i) {
        auto older = random_record<TcpRecord>(random);
        older.snd_scale &= 0xf;
        older.rcv_scale &= 0xf;
        REQUIRE(same(from_format_3(to_format_3(older)), older));
        auto newer = random_record<TcpRecord3>(random);
        std::memset(newer.reserved, 0, sizeof newer.reserved);
        newer.remote &= 0xffff'ffff'ffff;
        newer.local &= 0xffff'ffff'ffff;
        REQUIRE(same(to_format_3(from_format_3(newer)), newer));
    }
}
