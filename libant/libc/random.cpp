#include "random.hpp"

#include <ant/process.hpp>

#include <bit>

namespace ant::foreign {

namespace {

constexpr unsigned rounds = 20;
constexpr unsigned key_word = 4, counter_word = 12, nonce_word = 14;

constexpr void quarter_round(ChaChaState& x, unsigned a, unsigned b, unsigned c, unsigned d) {
    x[a] += x[b], x[d] = std::rotl(x[d] ^ x[a], 16);
    x[c] += x[d], x[b] = std::rotl(x[b] ^ x[c], 12);
    x[a] += x[b], x[d] = std::rotl(x[d] ^ x[a], 8);
    x[c] += x[d], x[b] = std::rotl(x[b] ^ x[c], 7);
}

void put_words(ChaChaState& state, unsigned at, std::uint64_t value) {
    state[at] = static_cast<std::uint32_t>(value);
    state[at + 1] = static_cast<std::uint32_t>(value >> 32);
}

ChaChaState seeded() {
    ChaChaState state{0x6170'7865, 0x3320'646e, 0x7962'2d32, 0x6b20'6574};
    put_words(state, key_word, startup().random[0]);
    put_words(state, key_word + 2, startup().random[1]);
    put_words(state, key_word + 4, time_stamp());
    put_words(state, key_word + 6, startup().pid);
    return state;
}

}  // namespace

ChaChaState chacha20_block(const ChaChaState& state) {
    ChaChaState x = state;
    for (unsigned i = 0; i < rounds; i += 2) {
        for (unsigned column = 0; column < 4; ++column) quarter_round(x, column, column + 4, column + 8, column + 12);
        for (unsigned diagonal = 0; diagonal < 4; ++diagonal)
            quarter_round(x, diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4);
    }
    for (unsigned i = 0; i < x.size(); ++i) x[i] += state[i];
    return x;
}

void fill_random(std::span<std::byte> out) {
    static ChaChaState state = seeded();
    put_words(state, nonce_word, time_stamp());
    while (!out.empty()) {
        const ChaChaState block = chacha20_block(state);
        if (++state[counter_word] == 0) ++state[counter_word + 1];
        const std::size_t bytes = out.size() < sizeof block ? out.size() : sizeof block;
        __builtin_memcpy(out.data(), block.data(), bytes);
        out = out.subspan(bytes);
    }
}

}  // namespace ant::foreign
