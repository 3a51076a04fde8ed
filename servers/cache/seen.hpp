// Where reads began that went past the cache (2Q's A1out: T. Johnson, D. Shasha, VLDB 1994). Whoever reads there again shows that
// the data is worth keeping.
#pragma once

#include "block.hpp"

#include <array>

namespace ant::cache_server {

class Seen {
public:
    Seen() { forget(); }
    // Notes the place. -> whether it was noted before; then it is not any more
    bool again(Key key) {
        Key& place = keys_[key * 0x9e37'79b9'7f4a'7c15 >> (64 - bits)];
        const bool known = place == key;
        place = known ? none : key;
        return known;
    }
    void forget() { keys_.fill(none); }

private:
    static constexpr unsigned bits = 10;
    static constexpr Key none = ~Key{0};
    std::array<Key, 1 << bits> keys_;
};

}  // namespace ant::cache_server
