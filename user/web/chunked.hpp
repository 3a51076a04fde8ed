// Decoder of the chunked transfer coding (RFC 9112, 7.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ant::web {

class ChunkedDecoder {
public:
    enum class State : std::uint8_t { size, extension, size_end, data, data_end, data_line_feed, trailer, done, broken };

    [[nodiscard]] State state() const { return state_; }
    // So many bytes can be read without reading far into what follows the body: all data of the chunk, or
    // a little while sizes and trailers are read.
    [[nodiscard]] std::size_t readable(std::size_t most) const {
        constexpr std::size_t little = 512;
        const std::uint64_t bytes = state_ == State::data ? left_ : little;
        return bytes < most ? static_cast<std::size_t>(bytes) : most;
    }

    // Takes what belongs to the body; `data(span)` gets the contents. -> bytes taken: less than all only at the
    // end or when broken
    template <class Data>
    std::size_t feed(std::span<const std::byte> in, Data data) {
        std::size_t at = 0;
        while (at < in.size() && state_ != State::done && state_ != State::broken) {
            if (state_ != State::data) {
                step(static_cast<char>(in[at++]));
                continue;
            }
            const std::size_t room = in.size() - at;
            const auto bytes = static_cast<std::size_t>(left_ < room ? left_ : room);
            data(in.subspan(at, bytes));
            at += bytes;
            left_ -= bytes;
            if (left_ == 0) state_ = State::data_end;
        }
        return at;
    }

private:
    static constexpr unsigned max_digits = 15, max_line = 1024, max_trailer = 8192;
    void step(char c);
    void take_size(char c);
    void end_size_line();

    std::uint64_t left_ = 0;
    State state_ = State::size;
    bool last_ = false;        // the chunk of size 0 has come
    unsigned digits_ = 0;      // of the size
    unsigned line_bytes_ = 0;  // of an extension or of a trailer's line
    unsigned trailer_bytes_ = 0;
};

}  // namespace ant::web
