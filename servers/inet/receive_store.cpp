#include "receive_store.hpp"

#include <ant/records.hpp>
#include <ant/syscalls.hpp>

#include <algorithm>

namespace ant::inet_server {

std::uint64_t ReceiveStore::seal_of(const PageNote& note, std::uint32_t bytes) {
    constexpr std::uint64_t checksum_mask = 0xffff'ffff'ffff;
    std::uint64_t sum = record::mix(reinterpret_cast<std::uint64_t>(&note), note.owner);
    sum = record::mix(sum, note.position);
    sum = record::mix(sum, std::uint64_t{note.place} << 32 | note.offset);
    sum = record::mix(sum, bytes);
    return std::uint64_t{bytes} << 48 | (sum & checksum_mask);
}

Piece* ReceiveStore::keep(std::uint32_t socket, std::uint64_t page, std::uint64_t position, std::uint32_t offset,
                          std::uint32_t bytes) {
    const unsigned place = places_.take();
    if (place == places_.none) return nullptr;
    PageNote& note = note_of(page);
    note = {PageNote::magic << 32 | socket, position, offset, place, 0};
    note.seal = seal_of(note, bytes);
    record::ordered();
    directory_[place] = page;
    Piece& piece = pieces_[place];
    piece.page = page;
    piece.position = position;
    piece.offset = static_cast<std::uint16_t>(offset);
    piece.bytes = static_cast<std::uint16_t>(bytes);
    piece.gathers = false;
    return &piece;
}

Piece* ReceiveStore::open(std::uint32_t socket, std::uint64_t position) {
    const std::uint64_t page = pages_.page();
    if (page == 0) return nullptr;
    Piece* piece = keep(socket, page, position, 0, 0);
    if (piece == nullptr)
        pages_.give_back(page);
    else
        piece->gathers = true;
    return piece;
}

void ReceiveStore::grow(Piece& piece, std::uint32_t count) { resize(piece, piece.bytes + count); }

void ReceiveStore::shrink(Piece& piece, std::uint64_t end) {
    resize(piece, static_cast<std::uint32_t>(end - piece.position));
    piece.gathers = false;
}

void ReceiveStore::resize(Piece& piece, std::uint32_t bytes) {
    piece.bytes = static_cast<std::uint16_t>(bytes);
    PageNote& note = note_of(piece.page);
    const std::uint64_t seal = seal_of(note, piece.bytes);
    record::ordered();
    note.seal = seal;
}

void ReceiveStore::give(Piece& piece) {
    leave(piece);
    pages_.give_back(piece.page);
}

void ReceiveStore::forget(Piece& piece) {
    leave(piece);
    if (piece.page != 0) doubtful_[doubtful_count_++] = piece.page;
}

// Before anything else becomes of the page: one that is in the directory is ours for certain.
void ReceiveStore::leave(Piece& piece) {
    const unsigned place = place_of(piece);
    directory_[place] = 0;
    record::ordered();
    places_.give(place);
}

bool ReceiveStore::comes_again(std::uint64_t page) {
    const auto* doubtful = std::find(doubtful_, doubtful_ + doubtful_count_, page);
    if (doubtful != doubtful_ + doubtful_count_) doubtful_[doubtful - doubtful_] = doubtful_[--doubtful_count_];
    const auto area = sys::ica_info(page);
    if (!area) return false;
    const PageNote& note = note_of(page);
    return note.place >= capacity || directory_[note.place] != page;
}

void ReceiveStore::release_doubtful() {
    while (doubtful_count_ != 0) (void)sys::ica_release(doubtful_[--doubtful_count_]);
}

bool ReceiveStore::read_note(unsigned place, Piece& piece, std::uint32_t& socket) const {
    const std::uint64_t page = directory_[place];
    const auto area = sys::ica_info(page);
    piece.page = 0;
    if (!area || area->pages != 1) return false;
    piece.page = page;
    const PageNote& note = note_of(page);
    const auto bytes = static_cast<std::uint32_t>(note.seal >> 48);
    if (note.owner >> 32 != PageNote::magic || note.place != place || note.seal != seal_of(note, bytes)) return false;
    if (std::uint64_t{note.offset} + bytes > page_room) return false;
    piece.position = note.position;
    piece.offset = static_cast<std::uint16_t>(note.offset);
    piece.bytes = static_cast<std::uint16_t>(bytes);
    piece.gathers = false;
    socket = static_cast<std::uint32_t>(note.owner);
    return true;
}

}  // namespace ant::inet_server
