// Pages with received bytes that a socket still needs. Each says at its end whose bytes it holds, so that nothing but
// the connection's record has to be written to acknowledge them; a directory in an area says where the pages are.
#pragma once

#include "index_set.hpp"
#include "intrusive_list.hpp"
#include "receive_pages.hpp"

#include <ant/abi/control_ica.hpp>
#include <ant/abi/result.hpp>

#include <cstddef>
#include <cstdint>

namespace ant::inet_server {

// At the end of a page. The last word is written last and at once: with it the note is good, whenever the process ends.
struct PageNote {
    static constexpr std::uint64_t magic = 0x7661'6c75;
    std::uint64_t owner;     // magic << 32 | socket
    std::uint64_t position;  // of the first byte
    std::uint32_t offset;    // in the page
    std::uint32_t place;     // in the directory
    std::uint64_t seal;      // bytes << 48 | checksum
};
inline constexpr std::uint32_t page_room = abi::page_size - sizeof(PageNote);

struct Piece : Linked<Piece> {
    std::uint64_t page = 0;
    std::uint64_t position = 0;
    std::uint16_t offset = 0, bytes = 0;
    bool gathers = false;  // the page is our own: more bytes may follow

    [[nodiscard]] std::uint64_t end() const { return position + bytes; }
    [[nodiscard]] const std::byte* at(std::uint64_t wanted) const {
        return reinterpret_cast<const std::byte*>(page + offset + (wanted - position));
    }
    [[nodiscard]] std::uint32_t room() const { return gathers ? page_room - offset - bytes : 0; }
};

class ReceiveStore {
public:
    static constexpr unsigned capacity = 2048;
    static constexpr std::size_t directory_bytes = capacity * sizeof(std::uint64_t);

    explicit ReceiveStore(ReceivePages& pages) : pages_{pages} {}
    // The directory's area: empty, or the one of the process before.
    void use_directory(std::uint64_t area) { directory_ = reinterpret_cast<std::uint64_t*>(area); }

    // Takes a page with bytes of `socket`. nullptr: too many.
    Piece* keep(std::uint32_t socket, std::uint64_t page, std::uint64_t position, std::uint32_t offset, std::uint32_t bytes);
    // An empty page that bytes of `socket` may be copied into. nullptr: too many, or no memory.
    Piece* open(std::uint32_t socket, std::uint64_t position);
    // `count` bytes were copied behind those of an open piece.
    static void grow(Piece& piece, std::uint32_t count);
    // It ends at that position.
    static void shrink(Piece& piece, std::uint64_t end);
    // The page goes back to the driver.
    void give(Piece& piece);

    // One frame more will not be lost for want of memory.
    [[nodiscard]] bool has_room() { return places_.live() + reserve_pieces <= capacity && pages_.has_spare(); }

    // After the process before: keep(page) for each page, and f(socket, piece) for each good note. What f does not want
    // (false) is in doubt.
    template <class Keep, class F>
    void recover(Keep keep, F f) {
        each_place([&](unsigned place) {
            Piece& piece = pieces_[place];
            std::uint32_t socket = 0;
            const bool good = read_note(place, piece, socket);
            if (piece.page != 0) keep(piece.page);
            places_.take(place);
            if (!good || !f(socket, piece)) forget(piece);
        });
    }
    // It is nobody's any more; but the frame in it may come again, with the call that brought it.
    void forget(Piece& piece);
    // A call has brought the page again: whether its frame is to be handled.
    bool comes_again(std::uint64_t page);
    // No such call comes any more.
    void release_doubtful();

private:
    static constexpr unsigned reserve_pieces = 64;
    static PageNote& note_of(std::uint64_t page) { return *reinterpret_cast<PageNote*>(page + page_room); }
    static std::uint64_t seal_of(const PageNote& note, std::uint32_t bytes);
    [[nodiscard]] unsigned place_of(const Piece& piece) const { return static_cast<unsigned>(&piece - pieces_); }
    // f(place) for each place that has one. Most have none: eight are looked at together.
    template <class F>
    void each_place(F f) const {
        constexpr unsigned together = 8;
        static_assert(capacity % together == 0);
        for (unsigned place = 0; place < capacity; place += together) {
            const std::uint64_t* p = directory_ + place;
            if ((p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7]) == 0) continue;
            for (unsigned i = 0; i < together; ++i)
                if (p[i] != 0) f(place + i);
        }
    }
    void leave(Piece& piece);
    static void resize(Piece& piece, std::uint32_t bytes);
    bool read_note(unsigned place, Piece& piece, std::uint32_t& socket) const;

    ReceivePages& pages_;
    std::uint64_t* directory_ = nullptr;
    IndexSet<capacity> places_;
    Piece pieces_[capacity];
    std::uint64_t doubtful_[capacity];
    unsigned doubtful_count_ = 0;
};

}  // namespace ant::inet_server
