// Open files of the program and the descriptors that name them.
#pragma once

#include <ant/sockets.hpp>

#include <array>
#include <string_view>

#include "foreign.hpp"

namespace ant::foreign {

// An open file description: dup makes a second descriptor for the same one.
struct OpenFile {
    enum class Kind : std::uint8_t { none, terminal, null, zero, random, text, socket };
    Kind kind = Kind::none;
    bool stream = false;  // socket
    unsigned flags = 0;   // O_ACCMODE, O_NONBLOCK
    unsigned references = 0;
    std::string_view text{};  // of a synthetic file
    std::size_t position = 0;
    Socket socket{};
};

class Descriptors {
public:
    static constexpr int limit = 64;
    constexpr Descriptors() {}  // NOLINT: the members' own initialisers are all there is

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

    std::array<OpenFile, limit> files_;
    std::array<Entry, limit> entries_;
};

// Those of this program.
Descriptors& descriptors();

}  // namespace ant::foreign
