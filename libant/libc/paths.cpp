#include "paths.hpp"

#include <ant/files.hpp>

#include <linux/fcntl.h>

#include <string_view>

#include "descriptors.hpp"
#include "memory_calls.hpp"

namespace ant::foreign {

namespace {

constexpr unsigned max_links = 40;  // as Linux

constinit PathText working_directory{"/"};

bool join(PathText& result, std::string_view directory, std::string_view rest) {
    const bool slash = directory.empty() || directory.back() != '/';
    const std::size_t length = directory.size() + (slash ? 1 : 0) + rest.size();
    if (length >= sizeof result.text) return false;
    char* to = result.text;
    __builtin_memmove(to + length - rest.size(), rest.data(), rest.size());  // `rest` may lie in there
    __builtin_memcpy(to, directory.data(), directory.size());
    if (slash) to[directory.size()] = '/';
    to[length] = '\0';
    return true;
}

// Takes the first name off.
std::string_view first_name(std::string_view& path) {
    while (path.starts_with('/')) path.remove_prefix(1);
    const std::string_view name = path.substr(0, path.find('/'));
    path.remove_prefix(name.size());
    return name;
}

void drop_last(PathText& path) {
    std::size_t length = std::string_view{path.text}.rfind('/');
    if (length == std::string_view::npos) length = 0;
    path.text[length] = '\0';
}

}  // namespace

Result<DirectoryName> DirectoryName::of(const PathText& path) {
    const std::uint64_t page = ANT_TRY(map_private(sizeof(PathText)));
    DirectoryName name;
    name.page_ = reinterpret_cast<PathText*>(page);
    *name.page_ = path;
    return name;
}

DirectoryName::~DirectoryName() {
    if (page_ != nullptr) unmap_private(reinterpret_cast<std::uint64_t>(page_), sizeof(PathText));
}

Answer absolute_path(int directory, const char* path, PathText& result) {
    if (path == nullptr) return -EFAULT;
    if (*path == '\0') return -ENOENT;
    const char* base = working_directory.text;
    if (*path == '/') {
        base = "/";
        ++path;
    } else if (directory != AT_FDCWD) {
        const OpenFile* file = descriptors().at(directory);
        if (file == nullptr) return -EBADF;
        if (file->kind != OpenFile::Kind::directory) return -ENOTDIR;
        base = file->name.text();
    }
    return join(result, base, path) ? 0 : -ENAMETOOLONG;
}

Answer canonical_path(PathText& path) {
    PathText rest = path, done{};
    std::string_view left{rest.text};
    for (unsigned links = 0;;) {
        const std::string_view name = first_name(left);
        if (name.empty()) break;
        if (name == ".") continue;
        if (name == "..") {
            drop_last(done);
            continue;
        }
        if (!join(done, done.text, name)) return -ENAMETOOLONG;
        const auto target = files::read_link(done.text);
        if (!target) continue;  // no link; if there is nothing at all, its use will tell
        if (++links > max_links) return -ELOOP;
        done.text[target->path[0] == '/' ? 0 : std::string_view{done.text}.rfind('/')] = '\0';
        if (!join(rest, target->path, left)) return -ENAMETOOLONG;
        left = rest.text;
    }
    path = done.text[0] != '\0' ? done : PathText{"/"};
    return 0;
}

Answer call_chdir(const char* path) {
    PathText wanted;
    Answer error = absolute_path(AT_FDCWD, path, wanted);
    if (error == 0) error = canonical_path(wanted);
    if (error != 0) return error;
    const auto opened = File::open(wanted.text, file::open_flag::read | file::open_flag::directory);
    if (!opened) return file_failure(opened.error());
    working_directory = wanted;
    return 0;
}

Answer call_fchdir(const Arguments& arguments) {
    const OpenFile* file = descriptors().at(arguments.descriptor());
    if (file == nullptr) return -EBADF;
    return file->kind == OpenFile::Kind::directory ? call_chdir(file->name.text()) : -ENOTDIR;
}

Answer call_getcwd(const Arguments& arguments) {
    const std::size_t bytes = __builtin_strlen(working_directory.text) + 1;
    if (static_cast<std::size_t>(arguments.b) < bytes) return -ERANGE;
    __builtin_memcpy(pointer<char>(arguments.a), working_directory.text, bytes);
    return static_cast<Answer>(bytes);
}

}  // namespace ant::foreign
