// Path names: the working directory, and what a path means that is relative to it or to an open directory.
#pragma once

#include <ant/interface/file.hpp>

#include "foreign.hpp"

namespace ant::foreign {

struct PathText {
    char text[file::max_path];
};

// The name of an open directory, in a page of its own: few descriptors have one.
class DirectoryName {
public:
    DirectoryName() = default;
    static Result<DirectoryName> of(const PathText& path);
    DirectoryName(DirectoryName&& other) noexcept : page_{other.page_} { other.page_ = nullptr; }
    DirectoryName& operator=(DirectoryName&&) = delete;
    ~DirectoryName();
    [[nodiscard]] const char* text() const { return page_ != nullptr ? page_->text : nullptr; }

private:
    PathText* page_ = nullptr;
};

// The absolute path of one that is relative to an open directory or, with AT_FDCWD, to the working directory.
Answer absolute_path(int directory, const char* path, PathText& result);
// Without links, `.` and `..`.
Answer canonical_path(PathText& path);

Answer call_chdir(const char* path);
Answer call_fchdir(const Arguments& arguments);
Answer call_getcwd(const Arguments& arguments);

}  // namespace ant::foreign
