#include <ant/state.hpp>

namespace ant {

std::uint32_t state_checksum(const void* state, std::size_t bytes) {
    constexpr std::uint32_t prime = 0x0100'0193;
    const auto* p = static_cast<const unsigned char*>(state);
    std::uint32_t sum = 0x811c'9dc5;
    for (; bytes >= sizeof sum; bytes -= sizeof sum, p += sizeof sum) {
        std::uint32_t word;
        __builtin_memcpy(&word, p, sizeof word);
        sum = (sum ^ word) * prime;
    }
    for (; bytes != 0; --bytes) sum = (sum ^ *p++) * prime;
    return sum;
}

Result<StateArea> StateArea::create(std::size_t bytes, std::uint32_t format) {
    if (bytes > UINT32_MAX - sizeof(StateHeader)) return Failure(Error::invalid_argument);
    StateArea state{ANT_TRY(Ica::reserve(sizeof(StateHeader) + bytes))};
    state.header() = {StateHeader::expected_magic, format, static_cast<std::uint32_t>(bytes), 0};
    state.seal();
    ANT_TRY(sys::state_register(state.area_.address(), format));
    return state;
}

Result<StateArea> StateArea::adopt(const sys::State& registered) {
    if (registered.address == 0) return Failure(Error::not_found);
    if (registered.distrusted) return Failure(Error::state_refused);
    StateArea state{ANT_TRY(Ica::adopt(registered.address))};
    const StateHeader& header = state.header();
    const bool fits = header.magic == StateHeader::expected_magic && header.format == registered.format &&
                      header.bytes <= state.area_.size() - sizeof(StateHeader);
    if (fits && header.checksum == state_checksum(&header + 1, header.bytes)) return state;
    state.keep();  // not ours to release: whoever understands it may still want it
    return Failure(Error::state_refused);
}

void StateArea::seal() { header().checksum = state_checksum(&header() + 1, header().bytes); }

}  // namespace ant
