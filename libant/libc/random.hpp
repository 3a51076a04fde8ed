// Random bytes: ChaCha20 (RFC 8439) keyed with what the core gave at start and the time stamp counter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ant::foreign {

using ChaChaState = std::array<std::uint32_t, 16>;

// The block function: 64 bytes of key stream for a state of constants, key, counter and nonce.
ChaChaState chacha20_block(const ChaChaState& state);

void fill_random(std::span<std::byte> out);

}  // namespace ant::foreign
