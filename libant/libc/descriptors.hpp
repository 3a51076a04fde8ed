// Open files of the program and the descriptors that name them.
#pragma once

#include <ant/files.hpp>
#include <ant/sockets.hpp>

#include <array>
#include <string_view>

#include "foreign.hpp"
#include "paths.hpp"

namespace ant::foreign {

// An open file description: dup makes a second descriptor for the same one.
struct OpenFile {
    enum class Kind : std::uint8_t { none, terminal, null, zero, random, text, socket, file, directory };
    Kind kind = Kind::none;
    bool stream = false;  // socket
    bool at_end = false;  // file: written to with O_APPEND; the position is the end, wherever that is
    unsigned flags = 0;   // O_ACCMODE, O_NONBLOCK, O_APPEND, O_SYNC
    unsigned references = 0;
    std::string_view text{};     // of a synthetic file
    std::uint64_t position = 0;  // of a directory: the cookie of the entry before
    std::uint64_t read_end = 0;  // file: where the last read ended; who goes on there reads ahead
    Socket socket{};
    File file{};
    DirectoryName name{};  // directory
};

class Descriptors {
public:
    static constexpr int limit = 256;

    // Descriptors 0, 1 and 2: the terminal.
    void open_standard();
    // nullptr: not open (EBADF).
    OpenFile* at(int descriptor);
    // -> the lowest free descriptor, or minus EMFILE (then the file is closed)
    Answer add(OpenFile&& file, bool close_on_exec = false);
    // -> a second descriptor for the same file, not below `lowest`
    Answer duplicate(int descriptor, int lowest, bool close_on_exec);
    Answer duplicate_to(int descriptor, int to, bool close_on_exec);
    Answer close(int descriptor);
    [[nodiscard]] bool close_on_exec(int descriptor) const {
        return entries_[static_cast<std::size_t>(descriptor)].close_on_exec;
    }
    void set_close_on_exec(int descriptor, bool on) { entries_[static_cast<std::size_t>(descriptor)].close_on_exec = on; }

private:
    struct Entry {
        OpenFile* file = nullptr;
        bool close_on_exec = false;
    };
    Answer attach(OpenFile& file, int lowest, bool close_on_exec);

    // All zeros at the start, so that they take no room in programs.
    union Place {
        constexpr Place() : unused{} {}
        constexpr ~Place() {}
        std::byte unused;
        OpenFile file;
    };
    std::array<Place, limit> places_{};
    std::array<bool, limit> used_{};
    std::array<Entry, limit> entries_{};
};

// Those of this program.
Descriptors& descriptors();

}  // namespace ant::foreign
