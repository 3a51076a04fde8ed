#include "descriptors.hpp"

#include <linux/fcntl.h>

#include <new>

namespace ant::foreign {

namespace {

// Never destroyed: output is still flushed after the destructors of static objects have run.
union Undestroyed {
    Descriptors table;
    constexpr Undestroyed() : table{} {}
    ~Undestroyed() {}
};
constinit Undestroyed undestroyed;
constinit bool opened_standard = false;

}  // namespace

Descriptors& descriptors() {
    if (!opened_standard) {
        opened_standard = true;
        undestroyed.table.open_standard();
    }
    return undestroyed.table;
}

void Descriptors::open_standard() {
    OpenFile terminal;
    terminal.kind = OpenFile::Kind::terminal;
    terminal.flags = O_RDWR;
    (void)add(std::move(terminal));
    (void)duplicate(0, 1, false);
    (void)duplicate(0, 2, false);
}

OpenFile* Descriptors::at(int descriptor) {
    if (descriptor < 0 || descriptor >= limit) return nullptr;
    return entries_[static_cast<std::size_t>(descriptor)].file;
}

Answer Descriptors::attach(OpenFile& file, int lowest, bool close_on_exec) {
    if (lowest < 0) return -EINVAL;
    for (int i = lowest; i < limit; ++i) {
        Entry& entry = entries_[static_cast<std::size_t>(i)];
        if (entry.file != nullptr) continue;
        entry = {&file, close_on_exec};
        ++file.references;
        return i;
    }
    return -EMFILE;
}

Answer Descriptors::add(OpenFile&& file, bool close_on_exec) {
    for (std::size_t i = 0; i < limit; ++i) {
        if (used_[i]) continue;
        OpenFile& place = *new (&places_[i].file) OpenFile{std::move(file)};
        place.references = 0;
        const Answer descriptor = attach(place, 0, close_on_exec);
        used_[i] = descriptor >= 0;
        if (!used_[i]) place.~OpenFile();
        return descriptor;
    }
    return -ENFILE;
}

Answer Descriptors::duplicate(int descriptor, int lowest, bool close_on_exec) {
    OpenFile* file = at(descriptor);
    return file == nullptr ? -EBADF : attach(*file, lowest, close_on_exec);
}

Answer Descriptors::duplicate_to(int descriptor, int to, bool close_on_exec) {
    OpenFile* file = at(descriptor);
    if (file == nullptr || to < 0 || to >= limit) return -EBADF;
    if (descriptor == to) return to;
    (void)close(to);
    return attach(*file, to, close_on_exec);
}

Answer Descriptors::close(int descriptor) {
    OpenFile* file = at(descriptor);
    if (file == nullptr) return -EBADF;
    entries_[static_cast<std::size_t>(descriptor)] = {};
    if (--file->references != 0) return 0;
    used_[static_cast<std::size_t>(reinterpret_cast<Place*>(file) - places_.data())] = false;
    file->~OpenFile();
    return 0;
}

}  // namespace ant::foreign
