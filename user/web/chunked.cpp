#include "chunked.hpp"

namespace ant::web {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

void ChunkedDecoder::end_size_line() {
    if (digits_ == 0) {
        state_ = State::broken;
        return;
    }
    last_ = left_ == 0;
    state_ = last_ ? State::trailer : State::data;
    digits_ = 0;
    line_bytes_ = 0;
}

void ChunkedDecoder::take_size(char c) {
    if (const int digit = hex_digit(c); digit >= 0) {
        if (digits_ == 0) left_ = 0;
        left_ = left_ << 4 | static_cast<unsigned>(digit);
        if (++digits_ > max_digits) state_ = State::broken;
    } else if (c == '\r') {
        state_ = State::size_end;
    } else if (c == '\n') {
        end_size_line();
    } else {
        state_ = (c == ';' || c == ' ' || c == '\t') && digits_ != 0 ? State::extension : State::broken;
    }
}

void ChunkedDecoder::step(char c) {
    switch (state_) {
        case State::size:
            return take_size(c);
        case State::extension:
            if (c == '\n') return end_size_line();
            if (++line_bytes_ > max_line) state_ = State::broken;
            return;
        case State::size_end:
            if (c == '\n') return end_size_line();
            state_ = State::broken;
            return;
        case State::data_end:
            state_ = c == '\r' ? State::data_line_feed : c == '\n' ? State::size : State::broken;
            return;
        case State::data_line_feed:
            state_ = c == '\n' ? State::size : State::broken;
            return;
        case State::trailer:
            if (++trailer_bytes_ > max_trailer)
                state_ = State::broken;
            else if (c == '\n' && line_bytes_ == 0)
                state_ = State::done;
            else if (c == '\n')
                line_bytes_ = 0;
            else if (c != '\r')
                ++line_bytes_;
            return;
        case State::data:
        case State::done:
        case State::broken:
            return;
    }
}

}  // namespace ant::web
